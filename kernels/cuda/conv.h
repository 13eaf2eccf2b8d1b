// conv on a GPU: kernels/conv.h has the equation.
//
// x, y and their gradients are NHWC with the channels of a pixel filled up to a multiple of kChannelAlignment
// (ops.h); channels that fill up are zero and are written as zero. Weights and their gradient are
// [K][R][S][W], where W = filter_channels() is C / groups, filled up in the same way where there is one
// group. Bias and all gradients of parameters are float. T is float, for exact comparison, or Bf16,
// multiplied exactly and summed in float. Buffers are in device memory, aligned to 16 bytes. Everything is
// enqueued on the stream; results overwrite and are the same bits in every run.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/bf16.h"
#include "kernels/conv.h"
#include "kernels/cuda/device.h"

namespace convoy::cuda {

// W of the weights' layout, and elements of the weights in it.
[[nodiscard]] int filter_channels(const ConvShape& shape);
[[nodiscard]] std::int64_t filter_elements(const ConvShape& shape);
// Between kernels/conv.h's canonical [K][C/groups][R][S] and this layout; filling is zero and is dropped.
void pack_filters(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed);
void unpack_filters(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical);

// The kernels count pixels in 32 bits: the most images of a shape that they can take in one batch.
[[nodiscard]] int largest_conv_batch(const ConvShape& shape);

// The tiles that a block computes, rows x columns; `chosen` is what suits the shape. The others are for tests
// and measurements, and for bf16 in groups of whole multiples of kChannelAlignment, or in one group, only.
enum class GatherTiles { chosen, wide256x128, square128x128, tall128x96, tall128x64, tall128x48, small64x64 };
enum class WeightTiles { chosen, square128x128, flat96x128, small64x64 };

// y = conv(x) + bias, then max(y, 0) where `relu`.
template <typename T>
void conv_forward(const Stream& stream, const ConvShape& shape, const T* x, const T* w, const float* bias,
                  T* y, bool relu, GatherTiles tiles = GatherTiles::chosen);

// dx from dy, the gradient of y before the ReLU. relu_output: null, or x where it is the output of a ReLU;
// then dx is the gradient of that ReLU's input: zero where x is not positive.
template <typename T>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const T* dy, const T* w,
                         const T* relu_output, T* dx, GatherTiles tiles = GatherTiles::chosen);

// Bytes of scratch memory that the gradients of weights need, alike in every run on every GPU: sums over
// parts of the batch, which are then added up in order. Right for batches too large for the kernels too.
[[nodiscard]] std::uint64_t conv_weight_gradient_scratch(const ConvShape& shape,
                                                         WeightTiles tiles = WeightTiles::chosen);
// dw, and db of K values, from x and dy.
template <typename T>
void conv_weight_gradient(const Stream& stream, const ConvShape& shape, const T* x, const T* dy, float* dw,
                          float* db, float* scratch, WeightTiles tiles = WeightTiles::chosen);

// A convolution with a large stride t on few channels as one of stride 1: blocks of t x t pixels become
// channels.
//   z[n][h][w][(i * t + j) * C + c] = x[n][h * t + i - top][w * t + j - left][c], 0 outside of x
//   u[k][r][s][(i * t + j) * C + c] = w[k][r * t + i][s * t + j][c], 0 outside of w
// conv1 of AlexNet becomes 57 x 57 x 48 with kernels of 3 x 3: 16-byte accesses, and 432 products for 363.
// The augmentation kernel writes z (ops.h); this is the rest.
struct SpaceToDepthConv {
  ConvShape original;     // one group
  ConvShape transformed;  // without padding
};
[[nodiscard]] SpaceToDepthConv space_to_depth(const ConvShape& original);
// Between the original's canonical weights [K][C][R][S] and those packed for the transformed convolution. The
// products with what lies outside of w in a gradient are dropped.
void pack_filters(const SpaceToDepthConv& conv, std::span<const float> canonical, std::span<float> packed);
void unpack_filters(const SpaceToDepthConv& conv, std::span<const float> packed, std::span<float> canonical);

}  // namespace convoy::cuda
