// PNG, by libpng: every kind (gray, RGB, palette, 1 to 16 bits, alpha, interlaced).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {

using Rgb = std::array<std::uint8_t, 3>;

// What a PNG file tells besides its pixels.
struct PngExtra {
  int orientation = 1;  // of its eXIf chunk, 1 to 8; 1 where there is none
};

// A whole PNG file to pixels: 1 channel where it is gray (and the background too, if it has transparent
// pixels), else 3. 16 bits are scaled to 8, gamma and colour profiles are ignored, transparent pixels are
// laid over `background`. Bytes behind the image are ignored. Throws Error(place, reason), also where the
// file is cut.
[[nodiscard]] Image decode_png(std::span<const std::uint8_t> bytes, std::string_view place,
                               const ImageLimits& limits = {}, Rgb background = {0, 0, 0},
                               PngExtra* extra = nullptr);

// An 8-bit gray or RGB PNG file. Throws Error.
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace convoy
