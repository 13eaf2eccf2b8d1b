// Conversions between planes and interleaved pixels, and between colour spaces.
#pragma once

#include <array>
#include <cstdint>

#include "formats/image.h"

namespace convoy {

// Red, green and blue to luma (ITU-R BT.601, full range), as JPEG defines it.
[[nodiscard]] constexpr std::uint8_t luma(int red, int green, int blue) {
  return static_cast<std::uint8_t>((19595 * red + 38470 * green + 7471 * blue + (1 << 15)) >> 16);
}

// Interleaved pixels as planes of the same size (1 channel: gray, 3: rgb).
void split_planes(const Image& image, PlanarImage& into);

// Full-size planes as interleaved pixels; `channels` is 1 (gray) or 3. YCbCr is converted as JFIF 1.02 says.
[[nodiscard]] Image join_planes(const std::array<Plane, 3>& planes, PlanarImage::Color color, int channels);

// The image with 1 or 3 channels: RGB becomes luma, gray becomes three equal channels.
[[nodiscard]] Image with_channels(const Image& image, int channels);

// Where pixel (0, 0) of an upright image is stored: whether at the far end of each stored axis.
struct StoredOrigin {
  bool far_x = false;
  bool far_y = false;
};
// orientation: EXIF, 1 to 8.
[[nodiscard]] StoredOrigin stored_origin(int orientation);

// Turns or mirrors an image that is stored with EXIF orientation 1 to 8 so that it is upright.
[[nodiscard]] Image oriented(Image image, int orientation);

}  // namespace convoy
