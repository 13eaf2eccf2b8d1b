// augment: from stored images to the net's input: crop, reflection, mean subtraction, colour shift.
//   y[n][c][h][w] = image[top + h][left + w'][c] - mean[c][top + h][left + w'] + shift[c],
// where w' = width - 1 - w for reflected images, else w: the mean belongs to the place in the stored image.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/bf16.h"
#include "kernels/tensor_shape.h"

namespace convoy {

struct AugmentShape {
  int stored_height = 0;
  int stored_width = 0;
  TensorShape out;  // channels are those of the stored images
};

// Where one image's crop lies in the stored image, and whether it is reflected left to right.
struct Crop {
  std::int32_t top = 0;
  std::int32_t left = 0;
  bool mirror = false;
  float color_shift[3] = {0, 0,
                          0};  // added to each channel after the mean is subtracted (colour noise); NOLINT
};

namespace cpu {

// images: stored uint8 images, [H][W][C]; crops: one an image. mean: [C][H][W] of the stored size. y, all
// shape.out.images of it, is overwritten: with zeros where there are fewer images.
template <typename T>
void augment(const AugmentShape& shape, std::span<const std::uint8_t* const> images,
             std::span<const Crop> crops, const float* mean, T* y);

}  // namespace cpu
}  // namespace convoy
