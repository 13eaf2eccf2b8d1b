// relu: y = max(x, 0), elementwise, in any layout.
#pragma once

#include <cstdint>

#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

// A NaN stays a NaN, so that a diverged net is noticed.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float relu(float x) { return x <= 0.0F ? 0.0F : x; }
// dx from dy and the activation's output (or its input: both are positive at the same places).
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float relu_backward(float y, float dy) {
  return y > 0.0F ? dy : 0.0F;
}

namespace cpu {

// y[i] = relu(x[i]); y may be x.
template <typename T>
void relu_forward(std::int64_t count, const T* x, T* y);
// dx[i] = dy[i] if y[i] > 0, else 0: overwrites; dx may be dy.
template <typename T>
void relu_backward(std::int64_t count, const T* y, const T* dy, T* dx);

}  // namespace cpu
namespace cuda {

class Stream;

// The same on a GPU (kernels/cuda/batch.h); count is a multiple of kChannelAlignment.
template <typename T>
void relu_forward(const Stream& stream, std::int64_t count, const T* x, T* y);
template <typename T>
void relu_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx);

}  // namespace cuda
}  // namespace convoy
