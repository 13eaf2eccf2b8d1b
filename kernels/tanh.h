// tanh: y = tanh(x), elementwise, in any layout.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/exponential.h"
#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

// With m = exp(-2|x|) - 1, which loses nothing near 0, the magnitude is -m / (m + 2); for a float or for
// vectors of floats; Word is as many 32-bit words. A NaN stays a NaN. The relative error is at
// most 4 * 2^-24.
template <typename Float, typename Word>
[[nodiscard]] CONVOY_HOST_DEVICE constexpr Float tanh_of(Float x) {
  constexpr std::uint32_t kSign = 0x80000000U;
  const Float minus = x < 0.0F ? x : -x;
  const Exponential<Float> of = exponential<Float, Word>(minus + minus);
  const Float m = of.power * of.rest + (of.power - 1.0F);
  const Word magnitude = std::bit_cast<Word>(m / (m + 2.0F)) & ~kSign;
  return std::bit_cast<Float>(magnitude | (std::bit_cast<Word>(x) & kSign));
}

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
