// augment: from stored images to the net's input: crop, reflection, mean subtraction, colour shift and scale.
//   y[n][c][h][w] = (image[top + h][left + w'][c] - mean[c][top + h][left + w'] + shift[c]) * scale,
// where w' = width - 1 - w for reflected images, else w. The mean is that of the pixel in the stored image.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"

namespace convoy {

struct AugmentShape {
  int stored_height = 0;
  int stored_width = 0;
  TensorShape out;  // on a CPU its channels are those of the stored images
};

// Where one image's crop lies in the stored image, and whether it is reflected left to right.
struct Crop {
  std::int32_t top = 0;
  std::int32_t left = 0;
  bool mirror = false;
  // Colour noise: what is added to each of the first three channels after the mean is subtracted, and by what
  // all channels are multiplied then.
  float color_shift[3] = {0, 0, 0};  // NOLINT(modernize-avoid-c-arrays): goes to the device as it is
  float color_scale = 1;
};

namespace cpu {

// images: stored uint8 images, [H][W][C]; crops: one for each image. mean: [C][H][W] of the stored size.
// Overwrites all shape.out.images images of y, with zeros for those that are missing.
template <typename T>
void augment(const AugmentShape& shape, std::span<const std::uint8_t* const> images,
             std::span<const Crop> crops, const float* mean, T* y);

}  // namespace cpu
namespace cuda {

class Stream;
struct BatchHeader;

// In device memory; images: [images][H][W][C].
struct AugmentBatch {
  const BatchHeader* header = nullptr;
  const Crop* crops = nullptr;
  const std::uint8_t* images = nullptr;
};
// Cells of side x side pixels of the padded crop, which become the channels of one pixel of y.
struct SpaceToDepth {
  int side = 1;
  int pad_top = 0;
  int pad_left = 0;
  int height = 0;  // of the crop
  int width = 0;
};
// On a GPU (kernels/cuda/batch.h). mean: [H][W][C] of the stored size. With the crop as defined above,
//   y[n][(dy * side + dx) * C + c][i][j] = crop[n][c][i * side + dy - pad_top][j * side + dx - pad_left],
// 0 outside of the crop; shape.out has side * side * C channels. With side 1 and no padding y is the crop.
template <typename T>
void augment(const Stream& stream, const AugmentShape& shape, const SpaceToDepth& cells,
             const AugmentBatch& batch, const float* mean, T* y);

}  // namespace cuda
}  // namespace convoy
