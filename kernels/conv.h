// conv: two-dimensional cross-correlation in groups, with padding on each of the four sides.
//   y[n][k][p][q] = bias[k] + sum over c, r, s of
//                   w[k][c][r][s] * x[n][g * C/G + c][p * stride - top + r][q * stride - left + s],
// where g = k / (K/G), and x is 0 outside of the image.
//   P = (H + top + bottom - R) / stride + 1, rounded down; Q likewise.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/product.h"
#include "lib/base/bf16.h"

namespace convoy {

struct ConvShape {
  int images = 0;
  int channels = 0;  // C, of x
  int height = 0;    // H
  int width = 0;     // W
  int filters = 0;   // K
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  int pad_top = 0;
  int pad_left = 0;
  int pad_bottom = 0;
  int pad_right = 0;
  int groups = 1;

  [[nodiscard]] constexpr int out_height() const {
    return (height + pad_top + pad_bottom - kernel_height) / stride + 1;
  }
  [[nodiscard]] constexpr int out_width() const {
    return (width + pad_left + pad_right - kernel_width) / stride + 1;
  }
  [[nodiscard]] constexpr std::int64_t weights() const {
    return std::int64_t{filters} * (channels / groups) * kernel_height * kernel_width;
  }
};

namespace cpu {

[[nodiscard]] std::unique_ptr<Product> make_conv(const ConvShape& shape, const ProductOptions& options);

}  // namespace cpu
namespace cuda {

class Stream;

// On a GPU (kernels/cuda/batch.h) weights and their gradient are packed as kernels/cuda/conv_layout.h says.
// The bias and the gradients of parameters are float; T is float, for exact comparison, or Bf16, multiplied
// exactly and summed in float.

// The tiles that a block computes, rows x columns; `chosen` is what suits the shape. The others are for tests
// and measurements, and only for bf16 in one group or in groups of whole multiples of kChannelAlignment.
enum class GatherTiles { chosen, wide256x128, square128x128, tall128x96, tall128x64, tall128x48, small64x64 };
enum class WeightTiles { chosen, square128x128, flat96x128, small64x64 };

// y = conv(x) + bias, then max(y, 0) if `relu`.
template <typename T>
void conv_forward(const Stream& stream, const ConvShape& shape, const T* x, const T* w, const float* bias,
                  T* y, bool relu, GatherTiles tiles = GatherTiles::chosen);

// dx from dy, the gradient of y before the ReLU. relu_output: null; or x, if that is the output of a ReLU,
// and then dx is the gradient of that ReLU's input: zero where x is not positive.
template <typename T>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const T* dy, const T* w,
                         const T* relu_output, T* dx, GatherTiles tiles = GatherTiles::chosen);

// Bytes of scratch memory for the gradient of the weights, the same in every run on every GPU: it holds sums
// over parts of the batch, which are then added up in order. Correct even for batches that are too large for
// the kernels.
[[nodiscard]] std::uint64_t conv_weight_gradient_scratch(const ConvShape& shape,
                                                         WeightTiles tiles = WeightTiles::chosen);
// dw, and db of K values, from x and dy.
template <typename T>
void conv_weight_gradient(const Stream& stream, const ConvShape& shape, const T* x, const T* dy, float* dw,
                          float* db, float* scratch, WeightTiles tiles = WeightTiles::chosen);

}  // namespace cuda
}  // namespace convoy
