// The shape and layout of a batch's activations.
#pragma once

#include <cstdint>

#include "lib/base/host_device.h"

namespace convoy {

// Activations of a batch, stored as [N][ceil(C/B)][H][W][B]: channels in blocks of B, the channels of a block
// side by side at each pixel. B = 1 is NCHW, B = C is NHWC, B = 8 and 16 fit vector registers. If B does not
// divide C, the last block is padded with channels that are zero, in activations and gradients; every
// operation keeps them zero.
struct TensorShape {
  int images = 0;    // N
  int channels = 0;  // C
  int height = 0;    // H
  int width = 0;     // W
  int block = 1;     // B

  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int blocks() const { return (channels + block - 1) / block; }
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::int64_t pixels() const {
    return std::int64_t{height} * width;
  }
  // Elements from one image to the next, padding channels included.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::int64_t image_elements() const {
    return std::int64_t{blocks()} * block * pixels();
  }
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::int64_t elements() const {
    return images * image_elements();
  }
  // Whether an image's elements lie in C,H,W order without padding.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr bool is_chw() const {
    return block == 1 || (pixels() == 1 && blocks() * block == channels);
  }
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::int64_t offset_in_image(int channel, int row,
                                                                          int column) const {
    const std::int64_t pixel = std::int64_t{row} * width + column;
    return ((channel / block) * pixels() + pixel) * block + channel % block;
  }
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr std::int64_t offset(int image, int channel, int row,
                                                                 int column) const {
    return image * image_elements() + offset_in_image(channel, row, column);
  }
  bool operator==(const TensorShape&) const = default;
};

}  // namespace convoy
