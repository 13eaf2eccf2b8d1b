// PNG, with libpng: every kind (gray, RGB, palette, 1 to 16 bits, alpha, interlaced).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
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

// What decoding takes.
struct PngMemory {
  int width = 0;
  int height = 0;
  std::uint64_t decoding = 0;  // bytes, with those of the result
  std::uint64_t result = 0;
};

// Decodes a whole PNG file: to 1 channel if it is gray (and, if it has transparent pixels, `background` is
// too), else to 3. 16 bits are scaled to 8; gamma and colour profiles are ignored; transparent pixels are
// blended with `background`. Bytes after the image are ignored. Throws Error(place, reason), also if the file
// is cut short, unless all pixels are there. on_memory: called before the pixels are allocated; may throw.
[[nodiscard]] Image decode_png(std::span<const std::uint8_t> bytes, std::string_view place,
                               const ImageLimits& limits = {}, Rgb background = {0, 0, 0},
                               PngExtra* extra = nullptr,
                               const std::function<void(const PngMemory&)>& on_memory = {});

// Encodes an image as an 8-bit gray or RGB PNG file. Throws Error.
[[nodiscard]] std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace convoy
