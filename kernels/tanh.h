// tanh: y = tanh(x), elementwise, in any layout.
#pragma once

#include <cstdint>

#include "kernels/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

// dx from dy and the output y = tanh(x): the derivative is 1 - y^2.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float tanh_backward(float y, float dy) {
  return dy * (1.0F - y * y);
}

namespace cpu {

// y[i] = tanh(x[i]); y may be x.
template <typename T>
void tanh_forward(std::int64_t count, const T* x, T* y);
// dx[i] = dy[i] * (1 - y[i]^2): overwrites; dx may be dy.
template <typename T>
void tanh_backward(std::int64_t count, const T* y, const T* dy, T* dx);

}  // namespace cpu
namespace cuda {

class Stream;

// The same on a GPU (kernels/cuda/batch.h); count is a multiple of kChannelAlignment.
template <typename T>
void tanh_forward(const Stream& stream, std::int64_t count, const T* x, T* y);
template <typename T>
void tanh_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx);

}  // namespace cuda
}  // namespace convoy
