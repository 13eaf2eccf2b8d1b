// Products of tiles on the tensor cores: shared memory without bank conflicts, fragments, and the pipeline
// that loads tiles while others are multiplied. A kernel provides a loader that copies one tile after
// another; what the tiles are cut from is up to the loader.
#pragma once

#include <cstdint>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/ptx.cuh"
#include "kernels/cuda/reduce.cuh"

namespace convoy::cuda {

inline constexpr int kChunk = 8;  // bf16 elements in 16 bytes: one asynchronous copy, or one row of ldmatrix

// Copies `count` elements to a chunk of shared memory and zeroes the rest of it. With kAligned, count must be
// 0 or kChunk and the source must be aligned to 16 bytes; the copy is asynchronous. Otherwise elements are
// copied one by one, synchronously. With count 0 nothing is read.
template <bool kAligned>
__device__ __forceinline__ void copy_chunk(Bf16* shared, const Bf16* global, int count) {
  if constexpr (kAligned) {
    copy_async<16>(shared, global, count > 0 ? 16U : 0U);
  } else {
    Aligned<std::uint16_t, kChunk> chunk = {};
#pragma unroll
    for (int e = 0; e < kChunk; ++e) {
      if (e < count) chunk.at[e] = global[e].bits;
    }
    store_aligned<kChunk>(reinterpret_cast<std::uint16_t*>(shared), chunk);
  }
}

// A block computes kRows x kColumns of the product, kDepth deep at a time, with kStages such tiles in flight;
// each warp computes kWarpRows x kWarpColumns of it.
template <int kRowsOf, int kColumnsOf, int kDepthOf, int kWarpRowsOf, int kWarpColumnsOf, int kStagesOf>
struct TileShape {
  static constexpr int kRows = kRowsOf;
  static constexpr int kColumns = kColumnsOf;
  static constexpr int kDepth = kDepthOf;
  static constexpr int kWarpRows = kWarpRowsOf;
  static constexpr int kWarpColumns = kWarpColumnsOf;
  static constexpr int kStages = kStagesOf;
  static constexpr int kWarpsDown = kRows / kWarpRows;
  static constexpr int kWarpsAcross = kColumns / kWarpColumns;
  static constexpr int kThreads = kWarpLanes * kWarpsDown * kWarpsAcross;
  static_assert(kRows % kWarpRows == 0 && kColumns % kWarpColumns == 0);
  static_assert(kWarpRows % 16 == 0 && kWarpColumns % 16 == 0 && kDepth % 16 == 0);
};

// How an operand's tile lies in shared memory. Major::depth: a line is a row (of a) or a column (of b), and
// adjacent elements are neighbours along the depth. Major::across: a line is one step of the depth, and
// adjacent elements are neighbouring rows (columns).
enum class Major { depth, across };

// Lines of chunks, arranged so that in eight neighbouring lines the chunks of equal number lie in different
// banks. If the number of chunks is a power of two, the chunk's number is xored with the line's; otherwise a
// line is padded to an odd number of chunks.
template <int kLinesOf, int kChunksOf>
struct ChunkLines {
  static constexpr int kLines = kLinesOf;
  static constexpr int kChunks = kChunksOf;
  static constexpr bool kXor = (kChunks & (kChunks - 1)) == 0;
  static constexpr int kPitch = kXor ? kChunks : kChunks | 1;
  static constexpr int kElements = kLines * kPitch * kChunk;

  [[nodiscard]] static __device__ __forceinline__ int offset(int line, int chunk) {
    if constexpr (kXor && kChunks >= 8) {
      chunk ^= line % 8;
    } else if constexpr (kXor) {
      chunk ^= line / (8 / kChunks) % kChunks;
    }
    return (line * kPitch + chunk) * kChunk;
  }
};

template <Major kMajor, int kAcross, int kDepth>
using OperandTile = ChunkLines<kMajor == Major::depth ? kAcross : kDepth,
                               (kMajor == Major::depth ? kDepth : kAcross) / kChunk>;

template <typename Shape, Major kMajorA, Major kMajorB>
struct Tiles {
  using A = OperandTile<kMajorA, Shape::kRows, Shape::kDepth>;
  using B = OperandTile<kMajorB, Shape::kColumns, Shape::kDepth>;
  static constexpr int kStageElements = A::kElements + B::kElements;
  static constexpr std::size_t kBytes = sizeof(Bf16) * kStageElements * Shape::kStages;

  float sums[Shape::kWarpRows / 16][Shape::kWarpColumns / 8][4];

  __device__ __forceinline__ static int lane() { return static_cast<int>(threadIdx.x) % kWarpLanes; }
  __device__ __forceinline__ static int warp_row() {
    return static_cast<int>(threadIdx.x) / kWarpLanes % Shape::kWarpsDown * Shape::kWarpRows;
  }
  __device__ __forceinline__ static int warp_column() {
    return static_cast<int>(threadIdx.x) / kWarpLanes / Shape::kWarpsDown * Shape::kWarpColumns;
  }
  // The row and column, within the block's tile, of sums[i][j][e].
  __device__ __forceinline__ static int row_of(int i, int e) {
    return warp_row() + i * 16 + lane() / 4 + e / 2 * 8;
  }
  __device__ __forceinline__ static int column_of(int j, int e) {
    return warp_column() + j * 8 + lane() % 4 * 2 + e % 2;
  }

  // Where the tile of b begins in a stage.
  __device__ __forceinline__ static Bf16* stage_b(int stage) {
    return dynamic_shared<Bf16>() + stage * kStageElements + A::kElements;
  }

  // Sets sums to the product over `steps` tiles. load(step, a, b) starts the copies of one step's tiles to
  // shared memory; all threads call it. When multiply returns, all copies have arrived and have been read.
  template <typename Load>
  __device__ __forceinline__ void multiply(int steps, const Load& load) {
#pragma unroll
    for (int i = 0; i < Shape::kWarpRows / 16; ++i) {
#pragma unroll
      for (int j = 0; j < Shape::kWarpColumns / 8; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sums[i][j][e] = 0.0F;
      }
    }
    Bf16* const shared = dynamic_shared<Bf16>();
    const auto start = [&](int step) {
      if (step < steps) {
        Bf16* const stage = shared + step % Shape::kStages * kStageElements;
        load(step, stage, stage + A::kElements);
      }
      copy_async_commit();  // an empty group too, so that groups count steps
    };
    for (int step = 0; step < Shape::kStages - 1; ++step) start(step);
    for (int step = 0; step < steps; ++step) {
      copy_async_wait<Shape::kStages - 2>();
      // This step's tiles are now there for all threads, and all have read the stage that is loaded next.
      __syncthreads();
      // The next copies start behind the first slice, so that the tensor cores work while addresses are
      // computed. This also takes fewer registers than starting them first.
      const Bf16* const stage = shared + step % Shape::kStages * kStageElements;
      multiply_slice(stage, stage + A::kElements, 0);
      start(step + Shape::kStages - 1);
      __syncwarp();  // loaders branch, but ldmatrix and mma.sync need the whole warp
#pragma unroll
      for (int depth = 16; depth < Shape::kDepth; depth += 16) {
        multiply_slice(stage, stage + A::kElements, depth);
      }
    }
    copy_async_wait<0>();
    __syncthreads();
  }

 private:
  // Fragments in the form that mma_bf16 takes; see ptx.cuh.
  __device__ __forceinline__ static void load_a(std::uint32_t (&fragment)[4], const Bf16* a, int row,
                                                int depth) {
    if constexpr (kMajorA == Major::depth) {
      load_matrix_x4(fragment, a + A::offset(row + lane() % 16, depth / kChunk + lane() / 16));
    } else {
      load_matrix_x4_transposed(
          fragment, a + A::offset(depth + lane() / 16 * 8 + lane() % 8, row / kChunk + lane() / 8 % 2));
    }
  }
  // Fragments of 16 columns: [0] and [1] for the first 8, [2] and [3] for the other 8.
  __device__ __forceinline__ static void load_b(std::uint32_t (&fragment)[4], const Bf16* b, int column,
                                                int depth) {
    if constexpr (kMajorB == Major::depth) {
      load_matrix_x4(fragment,
                     b + B::offset(column + lane() / 16 * 8 + lane() % 8, depth / kChunk + lane() / 8 % 2));
    } else {
      load_matrix_x4_transposed(fragment, b + B::offset(depth + lane() % 16, column / kChunk + lane() / 16));
    }
  }

  // sums += product of 16 of the depth of a stage, from `depth` on.
  __device__ __forceinline__ void multiply_slice(const Bf16* a, const Bf16* b, int depth) {
    std::uint32_t fragments_a[Shape::kWarpRows / 16][4];
    std::uint32_t fragments_b[Shape::kWarpColumns / 16][4];
#pragma unroll
    for (int i = 0; i < Shape::kWarpRows / 16; ++i) load_a(fragments_a[i], a, warp_row() + i * 16, depth);
#pragma unroll
    for (int j = 0; j < Shape::kWarpColumns / 16; ++j)
      load_b(fragments_b[j], b, warp_column() + j * 16, depth);
#pragma unroll
    for (int j = 0; j < Shape::kWarpColumns / 8; ++j) {
      const std::uint32_t pair[2] = {fragments_b[j / 2][j % 2 * 2], fragments_b[j / 2][j % 2 * 2 + 1]};
#pragma unroll
      for (int i = 0; i < Shape::kWarpRows / 16; ++i) mma_bf16(sums[i][j], fragments_a[i], pair);
    }
  }
};

}  // namespace convoy::cuda
