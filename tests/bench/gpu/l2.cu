#include "tests/bench/gpu/l2.h"

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/launch.cuh"

namespace convoy::bench {
namespace {

constexpr unsigned kThreads = 512;

// Blocks begin at different places, so that they do not wait for one another's lines.
__global__ void __launch_bounds__(kThreads)
    read_l2_kernel(const float* data, std::int64_t vectors, float* sink) {
  float sum = 0.0F;
  const std::int64_t start = vectors / gridDim.x * blockIdx.x;
#pragma unroll 8
  for (std::int64_t i = threadIdx.x; i < vectors; i += kThreads) {
    const std::int64_t at = start + i < vectors ? start + i : start + i - vectors;
    const auto four = cuda::load_aligned<4>(data + 4 * at);
    sum += four.at[0] + four.at[1] + four.at[2] + four.at[3];
  }
  if (sum == -1.0F) *sink = sum;  // never, which the compiler cannot know
}

}  // namespace

void read_l2(const cuda::Stream& stream, int blocks, const float* data, std::int64_t bytes, float* sink) {
  cuda::launch(read_l2_kernel, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream, data,
               bytes / 16, sink);
}

}  // namespace convoy::bench
