// Products of matrices in float, without tensor cores, whose elements are located one by one: exact to
// compare with, and for what has no layout for anything faster.
#pragma once

#include "kernels/cuda/launch.cuh"

namespace convoy::cuda {

inline constexpr int kPlainTile = 64;  // rows and columns of a block's result
inline constexpr int kPlainDepth = 16;
inline constexpr int kPlainEach = 4;                        // rows and columns of a thread's part of it
inline constexpr int kPlainSide = kPlainTile / kPlainEach;  // threads down and across

// A Problem has rows(), columns(z), first_depth(z) and end_depth(z); a(row, depth, z) and b(depth, column,
// z), which are zero outside of the matrices; and store(row, column, z, sum). z counts products.
template <typename Problem>
__global__ void __launch_bounds__(kPlainSide* kPlainSide)
    plain_product(const Problem problem, const int row_tiles) {
  struct Shared {
    float a[kPlainDepth][kPlainTile + 4];  // padded, so that neighbouring depths are in different banks
    float b[kPlainDepth][kPlainTile + 4];
  };
  Shared& shared = block_shared<Shared>();
  const int thread = static_cast<int>(threadIdx.x);
  const int z = static_cast<int>(blockIdx.x) / row_tiles;
  const int first_row = static_cast<int>(blockIdx.x) % row_tiles * kPlainTile;
  const int first_column = static_cast<int>(blockIdx.y) * kPlainTile;
  float sums[kPlainEach][kPlainEach] = {};
  for (int depth = problem.first_depth(z); depth < problem.end_depth(z); depth += kPlainDepth) {
#pragma unroll
    for (int i = thread; i < kPlainTile * kPlainDepth; i += kPlainSide * kPlainSide) {
      const int within = i % kPlainDepth;
      const int line = i / kPlainDepth;
      const bool inside = depth + within < problem.end_depth(z);
      shared.a[within][line] = inside ? problem.a(first_row + line, depth + within, z) : 0.0F;
      shared.b[within][line] = inside ? problem.b(depth + within, first_column + line, z) : 0.0F;
    }
    __syncthreads();
#pragma unroll
    for (int within = 0; within < kPlainDepth; ++within) {
#pragma unroll
      for (int i = 0; i < kPlainEach; ++i) {
#pragma unroll
        for (int j = 0; j < kPlainEach; ++j) {
          sums[i][j] += shared.a[within][thread / kPlainSide + i * kPlainSide] *
                        shared.b[within][thread % kPlainSide + j * kPlainSide];
        }
      }
    }
    __syncthreads();
  }
  for (int i = 0; i < kPlainEach; ++i) {
    for (int j = 0; j < kPlainEach; ++j) {
      const int row = first_row + thread / kPlainSide + i * kPlainSide;
      const int column = first_column + thread % kPlainSide + j * kPlainSide;
      if (row < problem.rows() && column < problem.columns(z)) problem.store(row, column, z, sums[i][j]);
    }
  }
}

// Products and their rows share the grid's x, which may be far longer than its y and z.
template <typename Problem>
void launch_product(const LaunchStream& at, const Problem& problem, int rows, int columns, int products) {
  const auto tiles = [](int size) { return static_cast<unsigned>((size + kPlainTile - 1) / kPlainTile); };
  launch(plain_product<Problem>, dim3(tiles(rows) * static_cast<unsigned>(products), tiles(columns)),
         dim3(kPlainSide * kPlainSide), 0, at, problem, static_cast<int>(tiles(rows)));
}

}  // namespace convoy::cuda
