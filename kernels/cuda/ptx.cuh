// The machine instructions that C++ has no words for. All inline assembly of the project is here; for the
// tests that run without a GPU tests/cuda_emulation/include/ has a file of the same path, found first.
//
// Warp-wide functions must be called by all 32 lanes of a warp together.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

namespace convoy::cuda {

__device__ __forceinline__ std::uint32_t shared_address(const void* at) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(at));
}

// Starts copying kBytes (4, 8 or 16; both addresses multiples of it) from global to shared memory: the first
// source_bytes are read, the rest of the destination becomes zero. With source_bytes 0 nothing is read, but
// the address must be one of global memory. PTX ISA, cp.async. Copies of 16 bytes pass by the L1 cache.
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
// Ends a group of the calling thread's copies, possibly an empty one.
__device__ __forceinline__ void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits until at most kGroupsLeft of the calling thread's groups are on their way. Other threads see the data
// after a barrier that follows.
template <int kGroupsLeft>
__device__ __forceinline__ void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroupsLeft) : "memory");
}

// Warp-wide: four 8x8 matrices of 16-bit elements. Lane 8m + i gives the address of row i of matrix m (16
// bytes in shared memory, aligned so); of every matrix lane l gets elements 2(l % 4) and one more of row l /
// 4, the first one low. Transposed: of column l / 4.
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

// Warp-wide: d += a * b, where a is 16x16, b 16x8 in bf16, d 16x8 in fp32. Of lane l: a[i] is row l / 4 (+ 8
// for odd i), columns 2(l % 4) and one more (+ 8 for i >= 2); b[i] is rows 2(l % 4) and one more (+ 8 for i =
// 1) of column l / 4; d[i] is row l / 4 (+ 8 for i >= 2), column 2(l % 4) + i % 2.
__device__ __forceinline__ void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

// Two floats to bf16, to nearest even, the first one in the low half; and back.
__device__ __forceinline__ std::uint32_t pack_bf16(float low, float high) {
  std::uint32_t pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
__device__ __forceinline__ float bf16_low(std::uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float bf16_high(std::uint32_t pair) { return __uint_as_float(pair & 0xFFFF0000U); }

// Fast and a few units in the last place less exact than the library's.
__device__ __forceinline__ float fast_exp(float x) { return __expf(x); }
__device__ __forceinline__ float fast_log2(float x) { return __log2f(x); }
__device__ __forceinline__ float fast_exp2(float x) { return exp2f(x); }
__device__ __forceinline__ float fast_divide(float a, float b) { return __fdividef(a, b); }

// Where an access of `bytes` at once must be aligned: checked by the emulation, nothing on a GPU.
__device__ __forceinline__ void check_vector_access(const void* /*at*/, std::size_t /*bytes*/) {}

}  // namespace convoy::cuda
