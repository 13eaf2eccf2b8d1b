// Fast integer division by a divisor that is fixed for a whole kernel.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.cuh"

namespace convoy::cuda {

// quotient(n) = n / divisor for 0 <= n < 2^31 and 1 <= divisor < 2^31, by multiplication (Granlund and
// Montgomery 1994): with p = 31 + ceil(log2 divisor) and m = ceil(2^p / divisor), it is floor(n * m / 2^p).
struct FastDiv {
  FastDiv() = default;
  explicit FastDiv(int value) : divisor(value) {
    if (value == 1) return;
    unsigned log2 = 0;
    while ((std::uint64_t{1} << log2) < static_cast<std::uint64_t>(value)) ++log2;
    const auto d = static_cast<std::uint64_t>(value);
    multiplier = static_cast<std::uint32_t>(((std::uint64_t{1} << (31 + log2)) + d - 1) / d);
    shift = log2 - 1;
  }

  [[nodiscard]] __device__ __forceinline__ int quotient(int n) const {
    if (multiplier == 0) return n;
    return static_cast<int>(__umulhi(static_cast<unsigned>(n), multiplier) >> shift);
  }
  [[nodiscard]] __device__ __forceinline__ int remainder(int n, int quotient_of_n) const {
    return n - quotient_of_n * divisor;
  }

  int divisor = 1;
  std::uint32_t multiplier = 0;  // 0: the divisor is 1
  std::uint32_t shift = 0;
};

}  // namespace convoy::cuda
