// Sums and maxima over a warp, in a fixed order.
#pragma once

#include "kernels/cuda/launch.cuh"

namespace convoy::cuda {

inline constexpr unsigned kFullWarp = 0xFFFFFFFFU;
inline constexpr int kWarpLanes = 32;

// combine(a, b) over the values of all 32 lanes; every lane gets the result. `combine` must be commutative.
template <typename T, typename Combine>
__device__ __forceinline__ T warp_reduce(T value, Combine combine) {
#pragma unroll
  for (int lanes = kWarpLanes / 2; lanes > 0; lanes /= 2) {
    value = combine(value, __shfl_xor_sync(kFullWarp, value, lanes));
  }
  return value;
}
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  return warp_reduce(value, [](T a, T b) { return a + b; });
}
template <typename T>
__device__ __forceinline__ T warp_max(T value) {
  return warp_reduce(value, [](T a, T b) { return a > b ? a : b; });
}

}  // namespace convoy::cuda
