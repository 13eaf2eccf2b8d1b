// Sums and maxima over a warp or a block, in a fixed order.
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

// The same over a block of kThreads threads in x; every thread gets the result. All threads must call it. A
// kernel that calls it twice needs a block-wide barrier in between, because the calls share their memory.
template <int kThreads, typename T, typename Combine>
__device__ __forceinline__ T block_reduce(T value, Combine combine) {
  static_assert(kThreads % kWarpLanes == 0 && kThreads <= 1024);
  constexpr int kWarps = kThreads / kWarpLanes;
  struct Partial {
    T of_warp[kWarps];
  };
  Partial& partial = block_shared<Partial>();
  value = warp_reduce(value, combine);
  if (threadIdx.x % kWarpLanes == 0) partial.of_warp[threadIdx.x / kWarpLanes] = value;
  __syncthreads();
  value = partial.of_warp[0];
#pragma unroll
  for (int warp = 1; warp < kWarps; ++warp) value = combine(value, partial.of_warp[warp]);
  return value;
}
template <int kThreads, typename T>
__device__ __forceinline__ T block_sum(T value) {
  return block_reduce<kThreads>(value, [](T a, T b) { return a + b; });
}

}  // namespace convoy::cuda
