// local: a locally connected layer, that is a convolution (kernels/conv.h) with filters and biases of their
// own at every position:
//   y[n][k][p][q] = bias[k][p][q] + sum over c, r, s of
//                   w[p][q][k][c][r][s] * x[n][g * C/G + c][p * stride - top + r][q * stride - left + s],
// where g = k / (K/G), and x is 0 outside of the image. P and Q are those of the convolution. So each
// position and group is a product of its own, [N] x [C/G * R * S] by [C/G * R * S] x [K/G], and each weight
// is used once for each image of the batch.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "kernels/conv.h"

namespace convoy {

// P * Q.
[[nodiscard]] constexpr std::int64_t positions_of(const ConvShape& shape) {
  return std::int64_t{shape.out_height()} * shape.out_width();
}
// Of all positions.
[[nodiscard]] constexpr std::int64_t local_weights(const ConvShape& shape) {
  return positions_of(shape) * shape.weights();
}

namespace cpu {

// dst() is in blocks of kLanes channels. The bias and its
// gradient lie as an image of dst() does, so that Product::pack_bias permutes them.
[[nodiscard]] std::unique_ptr<Product> make_local(const ConvShape& shape, const ProductOptions& options);

}  // namespace cpu
namespace cuda {

class Stream;

// On a GPU (kernels/cuda/batch.h) weights and their gradient are [P][Q] times the layout of a convolution's
// filters (kernels/cuda/conv_layout.h); the bias and its gradient lie as an image of y does. The gradients of
// parameters are float. Sums are in float, over products that are exact in it.

// y = local(x) + bias, then max(y, 0) if `relu`.
template <typename T>
void local_forward(const Stream& stream, const ConvShape& shape, const T* x, const T* w, const float* bias,
                   T* y, bool relu);
// dx from dy, the gradient of y before the ReLU. relu_output: null; or x, if that is the output of a ReLU,
// and then dx is the gradient of that ReLU's input: zero where x is not positive.
template <typename T>
void local_input_gradient(const Stream& stream, const ConvShape& shape, const T* dy, const T* w,
                          const T* relu_output, T* dx);
// dw and db from x and dy. The padding of db is not written.
template <typename T>
void local_weight_gradient(const Stream& stream, const ConvShape& shape, const T* x, const T* dy, float* dw,
                           float* db);

// Elements of all weights, and of the bias, in these layouts; between them and the canonical ones.
[[nodiscard]] std::int64_t local_weight_elements(const ConvShape& shape);
[[nodiscard]] std::int64_t local_bias_elements(const ConvShape& shape);
void pack_local_weights(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed);
void unpack_local_weights(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical);
void pack_local_bias(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed);
void unpack_local_bias(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical);

}  // namespace cuda
}  // namespace convoy
