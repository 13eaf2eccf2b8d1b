// The exponential function of numbers that are not positive, for logistic.h and tanh.h. Without branches or
// calls, the same for a float and for vectors of floats.
#pragma once

#include <bit>
#include <cstdint>

#include "lib/base/host_device.h"

namespace convoy {

// exp(z) = power * (1 + rest), where power is a power of two and rest = exp(r) - 1 for an r of at most
// ln(2) / 2.
template <typename Float>
struct Exponential {
  Float power;
  Float rest;
};

// z <= 0, or a NaN, of which rest is one, too; below kLeastExponent it is exp(kLeastExponent). Word is as
// many 32-bit words as Float has elements.
//
// As Cody and Waite (1980) do it: exp(z) = 2^n exp(r), where ln(2) is subtracted in two parts, so that
// n * kLn2High is exact, and exp(r) is the sum of its Taylor series up to r^7 / 7!, whose next term is less
// than 2^-27 of it.
inline constexpr float kLeastExponent = -87.0F;  // exp of it is a normal number
template <typename Float, typename Word>
[[nodiscard]] CONVOY_HOST_DEVICE constexpr Exponential<Float> exponential(Float z) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: a sum with it has the nearest integer in its low bits
  z = z < kLeastExponent ? Float{} + kLeastExponent : z;
  const Float shifted = z * kLog2E + kRound;
  const Float n = shifted - kRound;
  const Float r = (z - n * kLn2High) - n * kLn2Low;
  Float series = r * (1.0F / 5040) + 1.0F / 720;
  series = series * r + 1.0F / 120;
  series = series * r + 1.0F / 24;
  series = series * r + 1.0F / 6;
  series = series * r + 0.5F;
  series = series * r + 1.0F;
  const Word exponent = (std::bit_cast<Word>(shifted) + 127U) << 23;
  return {std::bit_cast<Float>(exponent), series * r};
}

}  // namespace convoy
