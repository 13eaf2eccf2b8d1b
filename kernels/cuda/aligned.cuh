// Vectors of adjacent elements that are loaded or stored in one memory access, without conversion.
#pragma once

#include "kernels/cuda/ptx.cuh"

namespace convoy::cuda {

// kCount adjacent elements, aligned to their total size: 4, 8 or 16 bytes move in one access.
template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Aligned {
  T at[kCount];
};

template <int kCount, typename T>
__device__ __forceinline__ Aligned<T, kCount> load_aligned(const T* from) {
  check_vector_access(from, sizeof(Aligned<T, kCount>));
  return *reinterpret_cast<const Aligned<T, kCount>*>(from);
}
template <int kCount, typename T>
__device__ __forceinline__ void store_aligned(T* to, const Aligned<T, kCount>& value) {
  check_vector_access(to, sizeof(Aligned<T, kCount>));
  *reinterpret_cast<Aligned<T, kCount>*>(to) = value;
}

}  // namespace convoy::cuda
