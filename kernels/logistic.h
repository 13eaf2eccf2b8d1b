// logistic: y = 1 / (1 + exp(-x)), elementwise, in any layout.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/bf16.h"
#include "kernels/tensor_shape.h"
#include "lib/base/host_device.h"

namespace convoy {

// With e = exp(-|x|), which never overflows, it is 1 / (1 + e) or e / (1 + e). Without branches or calls, the
// same for a float and for vectors of floats; Word is as many 32-bit words. A NaN stays a NaN. Within
// 4 * 2^-24 of the true value, relatively; below x = -87 within 2^-125 of it.
//
// exp is that of Cody and Waite (1980): exp(z) = 2^n exp(r) with |r| <= ln(2) / 2, where ln(2) is subtracted
// in two parts, so that n * kLn2High is exact, and exp(r) is the sum of its Taylor series up to r^7 / 7!,
// whose next term is less than 2^-27 of it.
template <typename Float, typename Word>
[[nodiscard]] CONVOY_HOST_DEVICE constexpr Float logistic_of(Float x) {
  constexpr float kLeast = -87.0F;  // exp(kLeast) is a normal number
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: a sum with it has the nearest integer in its low bits
  const Float minus = x < 0.0F ? x : -x;
  const Float z = minus < kLeast ? Float{} + kLeast : minus;
  const Float shifted = z * kLog2E + kRound;
  const Float n = shifted - kRound;
  const Float r = (z - n * kLn2High) - n * kLn2Low;
  Float e = r * (1.0F / 5040) + 1.0F / 720;
  e = e * r + 1.0F / 120;
  e = e * r + 1.0F / 24;
  e = e * r + 1.0F / 6;
  e = e * r + 0.5F;
  e = e * r + 1.0F;
  e = e * r + 1.0F;
  const Word exponent = (std::bit_cast<Word>(shifted) + 127U) << 23;
  e *= std::bit_cast<Float>(exponent);
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
