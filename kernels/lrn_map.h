// lrn_map: local response normalisation within a map, over a window of pixels of the same channel. These are
// the `rnorm` layers of cuda-convnet and of the source code of 2012, and Caffe's LRN layers whose norm_region
// is WITHIN_CHANNEL.
//   s[h, w] = k + scale * sum of x[i, j]^2 over the window of (h, w);   y[h, w] = x[h, w] * s[h, w]^-beta
// The window has `size` rows and columns, an odd number, and is centred on (h, w); what lies outside of the
// image counts as zero. Channels are independent of each other. `scale` is alpha, or alpha / size^2, which is
// what all three of those sources take, also at the borders. Backward:
//   dx[h, w] = dy[h, w] * s[h, w]^-beta
//              - 2 * scale * beta * x[h, w] * sum of dy[i, j] * x[i, j] * s[i, j]^-(beta + 1)
// over the same window, as windows are symmetric.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/tensor_shape.h"
#include "lib/base/host_device.h"

namespace convoy {

struct LrnMapShape {
  TensorShape tensor;  // of x, y, dx, dy
  int size = 5;        // odd
  float k = 1.0F;
  float scale = 4e-5F;
  float beta = 0.75F;

  // Rows and columns of a window on each side of its own pixel.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int reach() const { return size / 2; }
};

// On every backend: y must not be x, nor dx dy. relu_input: x is the output of a ReLU, and dx is the gradient
// of that ReLU's input. Both results overwrite.
namespace cpu {

// Floats of scratch that one thread needs: for the rows that a window sees.
[[nodiscard]] std::int64_t lrn_map_scratch(const LrnMapShape& shape);

// scratch: lrn_map_scratch(shape) floats for each OpenMP thread. The results do not depend on their number.
template <typename T>
void lrn_map_forward(const LrnMapShape& shape, const T* x, T* y, std::span<float> scratch);
template <typename T>
void lrn_map_backward(const LrnMapShape& shape, const T* x, const T* dy, T* dx, bool relu_input,
                      std::span<float> scratch);

}  // namespace cpu
namespace cuda {

class Stream;

// Floats of scratch for the backward pass.
[[nodiscard]] std::int64_t lrn_map_scratch(const LrnMapShape& shape);
// See kernels/cuda/batch.h. scratch: lrn_map_scratch(shape) floats in device memory.
template <typename T>
void lrn_map_forward(const Stream& stream, const LrnMapShape& shape, const T* x, T* y);
template <typename T>
void lrn_map_backward(const Stream& stream, const LrnMapShape& shape, const T* x, const T* dy, T* dx,
                      bool relu_input, float* scratch);

}  // namespace cuda
}  // namespace convoy
