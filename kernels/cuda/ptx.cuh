// Machine instructions that C++ cannot express. All inline assembly of the project is here. Builds for the
// emulated device find a file of the same path in tests/cuda_emulation/include/ first.
//
// All 32 lanes of a warp must call the warp-wide functions together.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace convoy::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* at) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(at));
}

// Starts copying kBytes (4, 8 or 16; both addresses must be multiples of it) from global to shared memory:
// reads the first source_bytes and zeroes the rest of the destination. With source_bytes 0 nothing is
// read, but the address must still be one of global memory. Copies of 16 bytes bypass the L1 cache. PTX
// ISA, cp.async.
template <int kBytes>
__device__ __forceinline__ void copy_async(void* shared, const void* global, unsigned source_bytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  if constexpr (kBytes == 16) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(global), "r"(source_bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(shared)), "l"(global),
                 "n"(kBytes), "r"(source_bytes)
                 : "memory");
  }
}
// Closes a group of the calling thread's copies, which may be empty.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most kGroupsLeft of the calling thread's groups are still in flight. Other threads see the
// data only after a subsequent barrier.
template <int kGroupsLeft>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
}

// Warp-wide: loads four 8x8 matrices of 16-bit elements. Lane 8m + i gives the address of row i of matrix m
// (16 bytes of shared memory, aligned to 16). Of each matrix, lane l gets elements 2(l % 4) and 2(l % 4) + 1
// of row l / 4, the first one in the low half; in the transposed version, of column l / 4.
__device__ __forceinline__ void load_matrix_x4(std::uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ __forceinline__ void load_matrix_x4_transposed(std::uint32_t (&registers)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
               : "r"(shared_address(row))
               : "memory");
}

// Warp-wide: d += a * b, where a is 16x16 and b 16x8 in bf16, and d is 16x8 in fp32. Lane l holds: in a[i],
// row l / 4 (+ 8 for odd i), columns 2(l % 4) and 2(l % 4) + 1 (both + 8 for i >= 2); in b[i], rows 2(l % 4)
// and 2(l % 4) + 1 (both + 8 for i = 1) of column l / 4; in d[i], row l / 4 (+ 8 for i >= 2), column 2(l % 4)
// + i % 2.
__device__ __forceinline__ void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Rounds two floats to bf16, to nearest even, the first one into the low half. The other two functions
// convert back.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float bf16_low(std::uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float bf16_high(std::uint32_t pair) { return __uint_as_float(pair & 0xFFFF0000U); }

// Faster than the library's functions, and a few units in the last place less accurate.
__device__ __forceinline__ float fast_log2(float x) { return __log2f(x); }
__device__ __forceinline__ float fast_exp2(float x) { return exp2f(x); }
__device__ __forceinline__ float fast_divide(float a, float b) { return __fdividef(a, b); }

// In the emulation, checks that a single access of `bytes` is aligned; does nothing on a GPU.
__device__ __forceinline__ void check_vector_access(const void* /*at*/, std::size_t /*bytes*/) {}

}  // namespace convoy::cuda
