// The wrappers of kernels/cuda/ptx.cuh, executed on the host. Their contracts are there.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace convoy::cuda {

template <int kBytes>
void copy_async(void* shared, const void* global, unsigned source_bytes) {
  static_assert(kBytes == 4 || kBytes == 8 || kBytes == 16);
  emulation::issue_copy(shared, global, kBytes, source_bytes);
}
inline void copy_async_commit() { emulation::commit_copies(); }
template <int kGroupsLeft>
void copy_async_wait() {
  emulation::wait_copies(kGroupsLeft);
}

inline float bf16_low(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
inline float bf16_high(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xFFFF0000U); }
inline std::uint32_t pack_bf16(float low, float high) {
  const auto round = [](float value) -> std::uint32_t {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (std::isnan(value)) return 0x7FFFU;  // as cvt.rn.bf16x2.f32 does
    return (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  };
  return round(low) | (round(high) << 16);
}

inline float fast_log2(float x) { return std::log2(x); }
inline float fast_exp2(float x) { return std::exp2(x); }
inline float fast_divide(float a, float b) { return a / b; }

inline void check_vector_access(const void* at, std::size_t bytes) {
  emulation::check_aligned(at, bytes, "vector access");
  emulation::check_addressable(at, bytes, "vector access");
}

}  // namespace convoy::cuda

namespace convoy::emulation {

struct MatrixLoad {
  const std::uint16_t* row = nullptr;
  std::uint32_t* registers = nullptr;  // one per matrix
};

// PTX ISA, ldmatrix: lane 8m + i has the address of row i of matrix m. Of each matrix, lane l gets elements
// 2(l % 4) and 2(l % 4) + 1 of row l / 4 or, transposed, of column l / 4.
template <unsigned kMatrices, bool kTransposed>
void compute_matrix_load(const std::array<MatrixLoad*, kWarpSize>& lanes) {
  for (unsigned matrix = 0; matrix < kMatrices; ++matrix) {
    for (unsigned lane = 0; lane < kWarpSize; ++lane) {
      const unsigned at = lane / 4;
      const unsigned pair = lane % 4 * 2;
      const auto element = [&](unsigned row, unsigned column) -> std::uint32_t {
        return lanes[matrix * 8 + row]->row[column];
      };
      lanes[lane]->registers[matrix] = kTransposed ? element(pair, at) | (element(pair + 1, at) << 16)
                                                   : element(at, pair) | (element(at, pair + 1) << 16);
    }
  }
}

template <unsigned kMatrices, bool kTransposed>
void matrix_load(std::uint32_t* registers, const void* row, const convoy::emulation::CallSite& where) {
  if (current_lane() < kMatrices * 8) {
    check_aligned(row, 16, "ldmatrix");
    check_shared(row, 16, "ldmatrix");
  }
  MatrixLoad mine;
  mine.row = static_cast<const std::uint16_t*>(row);
  mine.registers = registers;
  warp_collective<MatrixLoad, compute_matrix_load<kMatrices, kTransposed>>("ldmatrix", where, mine);
}

struct MatrixProduct {
  float* d = nullptr;
  const std::uint32_t* a = nullptr;
  const std::uint32_t* b = nullptr;
};

// PTX ISA, fragments of mma.m16n8k16 with bf16 operands; l is the lane. a[i]: row l / 4 (+ 8 for odd i),
// columns 2(l % 4) and 2(l % 4) + 1 (both + 8 for i >= 2). b[i]: rows 2(l % 4) and 2(l % 4) + 1 (both + 8 for
// i = 1), column l / 4. d[i]: row l / 4 (+ 8 for i >= 2), column 2(l % 4) + i % 2.
inline void compute_mma_bf16(const std::array<MatrixProduct*, kWarpSize>& lanes) {
  float a[16][16];
  float b[16][8];
  float d[16][8];
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    const MatrixProduct& mine = *lanes[lane];
    const unsigned row = lane / 4;
    const unsigned pair = lane % 4 * 2;
    for (unsigned i = 0; i < 4; ++i) {
      float* const target = &a[row + i % 2 * 8][pair + i / 2 * 8];
      target[0] = cuda::bf16_low(mine.a[i]);
      target[1] = cuda::bf16_high(mine.a[i]);
      d[row + i / 2 * 8][pair + i % 2] = mine.d[i];
    }
    for (unsigned i = 0; i < 2; ++i) {
      b[pair + i * 8][row] = cuda::bf16_low(mine.b[i]);
      b[pair + i * 8 + 1][row] = cuda::bf16_high(mine.b[i]);
    }
  }
  for (unsigned row = 0; row < 16; ++row) {
    for (unsigned k = 0; k < 16; ++k) {
      for (unsigned column = 0; column < 8; ++column) d[row][column] += a[row][k] * b[k][column];
    }
  }
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    for (unsigned i = 0; i < 4; ++i) lanes[lane]->d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

}  // namespace convoy::emulation

namespace convoy::cuda {

inline void load_matrix_x4(std::uint32_t (&registers)[4], const void* row,
                           const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  emulation::matrix_load<4, false>(registers, row, where);
}
inline void load_matrix_x4_transposed(
    std::uint32_t (&registers)[4], const void* row,
    const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  emulation::matrix_load<4, true>(registers, row, where);
}
inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                     const convoy::emulation::CallSite where = convoy::emulation::CallSite::current()) {
  emulation::MatrixProduct mine{d, a, b};
  emulation::warp_collective<emulation::MatrixProduct, emulation::compute_mma_bf16>("mma.sync", where, mine);
}

}  // namespace convoy::cuda
