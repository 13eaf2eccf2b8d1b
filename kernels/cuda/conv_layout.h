// How the weights of conv (kernels/conv.h) lie on a GPU, and how large a batch may be.
//
// Weights and their gradient are [K][R][S][W], where W = filter_channels() is C / groups, padded like the
// channels of a pixel (kernels/cuda/batch.h) if there is one group.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/conv.h"

namespace convoy::cuda {

// W, and the elements of all weights.
[[nodiscard]] int filter_channels(const ConvShape& shape);
[[nodiscard]] std::int64_t filter_elements(const ConvShape& shape);
// Between the canonical [K][C/groups][R][S] and this layout; padding is zero, and is dropped on the way back.
void pack_filters(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed);
void unpack_filters(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical);

// The kernels count pixels in 32 bits: the most images of this shape that one batch may have.
[[nodiscard]] int largest_conv_batch(const ConvShape& shape);

// How a convolution with a large stride t on few channels becomes one with stride 1 on t * t * C channels:
//   z[n][h][w][(i * t + j) * C + c] = x[n][h * t + i - top][w * t + j - left][c], 0 outside of x
//   u[k][r][s][(i * t + j) * C + c] = w[k][r * t + i][s * t + j][c], 0 outside of w
// conv1 of AlexNet becomes 57 x 57 x 48 with kernels of 3 x 3: accesses of 16 bytes, at 432 products instead
// of 363. cuda::augment (kernels/augment.h) writes z.
struct SpaceToDepthConv {
  ConvShape original;     // one group
  ConvShape transformed;  // no padding
};
[[nodiscard]] SpaceToDepthConv space_to_depth(const ConvShape& original);
// Between the original's canonical weights [K][C][R][S] and the packed ones of the transformed convolution.
// The gradient of elements outside of w is dropped.
void pack_filters(const SpaceToDepthConv& conv, std::span<const float> canonical, std::span<float> packed);
void unpack_filters(const SpaceToDepthConv& conv, std::span<const float> packed, std::span<float> canonical);

}  // namespace convoy::cuda
