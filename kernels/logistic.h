// logistic: y = 1 / (1 + exp(-x)), elementwise, in any layout.
#pragma once

#include <cstdint>

#include "kernels/exponential.h"
#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

// With e = exp(-|x|), which never overflows, it is 1 / (1 + e) or e / (1 + e), for a float or for vectors of
// floats; Word is as many 32-bit words. A NaN stays a NaN. Within 4 * 2^-24 of the true value, relatively;
// below x = -87 within 2^-125 of it.
template <typename Float, typename Word>
[[nodiscard]] CONVOY_HOST_DEVICE constexpr Float logistic_of(Float x) {
  const Exponential<Float> of = exponential<Float, Word>(x < 0.0F ? x : -x);
  const Float e = of.power * (of.rest + 1.0F);
  return (x < 0.0F ? e : Float{} + 1.0F) / (1.0F + e);
}
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float logistic(float x) {
  return logistic_of<float, std::uint32_t>(x);
}

// dx from dy and the output y: the derivative is y * (1 - y).
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float logistic_backward(float y, float dy) {
  return dy * (y * (1.0F - y));
}

namespace cpu {

// y[i] = logistic(x[i]), and 0 in padding channels; y may be x.
template <typename T>
void logistic_forward(const TensorShape& shape, const T* x, T* y);
// dx[i] = dy[i] * y[i] * (1 - y[i]): overwrites; dx may be dy.
template <typename T>
void logistic_backward(const TensorShape& shape, const T* y, const T* dy, T* dx);

}  // namespace cpu
namespace cuda {

class Stream;

// The same on a GPU (kernels/cuda/batch.h).
template <typename T>
void logistic_forward(const Stream& stream, const TensorShape& shape, const T* x, T* y);
template <typename T>
void logistic_backward(const Stream& stream, const TensorShape& shape, const T* y, const T* dy, T* dx);

}  // namespace cuda
}  // namespace convoy
