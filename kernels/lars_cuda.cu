#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/vector.cuh"
#include "kernels/lars.h"

namespace convoy::cuda {
namespace {

constexpr int kWarps = kThreads / kWarpLanes;
constexpr int kParts = 4;  // vectors that a thread has in flight together
constexpr std::int64_t kRound = std::int64_t{kThreads} * 4 * kParts;  // elements of a block's round

struct WarpSquares {
  LarsSquares of_warp[kWarps];
};

__device__ __forceinline__ double square(float value) {
  return static_cast<double>(value) * static_cast<double>(value);
}

// The parts in which a tensor is summed.
CONVOY_HOST_DEVICE inline int parts_of(std::int64_t count) {
  const std::int64_t rounds = (count + kRound - 1) / kRound;
  return rounds < kMaxLarsBlocks ? static_cast<int>(rounds) : kMaxLarsBlocks;
}

// The sums over the block, in thread 0.
__device__ inline LarsSquares block_sum(LarsSquares mine) {
  WarpSquares& shared = block_shared<WarpSquares>();
  const int warp = static_cast<int>(threadIdx.x) / kWarpLanes;
  const LarsSquares sum{warp_sum(mine.w), warp_sum(mine.g)};
  if (threadIdx.x % kWarpLanes == 0) shared.of_warp[warp] = sum;
  __syncthreads();
  LarsSquares all{};
  if (threadIdx.x != 0) return all;
  for (int i = 0; i < kWarps; ++i) {
    all.w += shared.of_warp[i].w;
    all.g += shared.of_warp[i].g;
  }
  return all;
}

// Block (i, t) sums part i of tensor t. All loads of a round are issued before the first one is used.
__global__ void __launch_bounds__(kThreads) lars_squares_kernel(LarsTensors tensors, LarsSquares* scratch) {
  const LarsTensor tensor = tensors.tensor[blockIdx.y];
  const int parts = parts_of(tensor.count);
  const int part = static_cast<int>(blockIdx.x);
  if (part >= parts) return;
  LarsSquares sum{};
  for (std::int64_t first = part * kRound + threadIdx.x * 4; first < tensor.count; first += parts * kRound) {
    float w[kParts][4] = {};
    float g[kParts][4] = {};
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
      const std::int64_t i = first + p * std::int64_t{kThreads} * 4;
      if (i >= tensor.count) break;
      load_vector(tensor.w + i, w[p]);
      load_vector(tensor.g + i, g[p]);
    }
#pragma unroll
    for (int p = 0; p < kParts; ++p) {
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        if (first + p * std::int64_t{kThreads} * 4 + e >= tensor.count) break;
        sum.w += square(w[p][e]);
        sum.g += square(g[p][e]);
      }
    }
  }
  const LarsSquares all = block_sum(sum);
  if (threadIdx.x == 0) scratch[blockIdx.y * kMaxLarsBlocks + part] = all;
}

// Block t adds up the parts of tensor t.
__global__ void __launch_bounds__(kThreads)
    lars_step_kernel(LarsTensors tensors, const LarsSquares* scratch) {
  const LarsTensor tensor = tensors.tensor[blockIdx.x];
  const int parts = parts_of(tensor.count);
  LarsSquares sum{};
  for (int part = static_cast<int>(threadIdx.x); part < parts; part += kThreads) {
    const LarsSquares one = scratch[blockIdx.x * kMaxLarsBlocks + part];
    sum.w += one.w;
    sum.g += one.g;
  }
  const LarsSquares all = block_sum(sum);
  if (threadIdx.x == 0) *tensor.step = lars_coefficients(*tensor.rule, all.w, all.g);
}

}  // namespace

void lars_coefficients(const Stream& stream, const LarsTensors& tensors, int count, LarsSquares* scratch) {
  int parts = 1;
  for (int i = 0; i < count; ++i) {
    const int its = parts_of(tensors.tensor[i].count);
    if (its > parts) parts = its;
  }
  if (count == 0) return;
  const auto blocks = static_cast<unsigned>(count);
  launch(lars_squares_kernel, dim3(static_cast<unsigned>(parts), blocks), kThreads, 0, stream, tensors,
         scratch);
  launch(lars_step_kernel, dim3(blocks), kThreads, 0, stream, tensors,
         static_cast<const LarsSquares*>(scratch));
}

}  // namespace convoy::cuda
