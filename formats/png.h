// PNG, with libpng: every kind (gray, RGB, palette, 1 to 16 bits, alpha, interlaced).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {

using Rgb = std::array<std::uint8_t, 3>;

// What a PNG file says besides its pixels.
struct PngExtra {
  int orientation = 1;  // of its eXIf chunk, 1 to 8; 1 if there is none
};

// Decodes a whole PNG file: to 1 channel if it is gray (and, if it has transparent pixels, `background` is
// too), else to 3. 16 bits are scaled to 8; gamma and colour profiles are ignored; transparent pixels are
// blended with `background`. Bytes after the image are ignored. Throws Error(place, reason), also if the file
// is cut short, unless all pixels are there.
[[nodiscard]] Image decode_png(std::span<const std::uint8_t> bytes, std::string_view place,
                               const ImageLimits& limits = {}, Rgb background = {0, 0, 0},
                               PngExtra* extra = nullptr);

// Encodes an image as an 8-bit gray or RGB PNG file. Throws Error.
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace convoy
