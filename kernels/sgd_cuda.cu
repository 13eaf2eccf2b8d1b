#include "kernels/cuda/vector.cuh"
#include "kernels/sgd.h"

namespace convoy::cuda {
namespace {

constexpr int kParts = 2;                                   // vectors that a thread has in flight together
constexpr std::int64_t kPart = std::int64_t{kThreads} * 4;  // elements of a block's part

struct alignas(8) FourBf16 {
  std::uint32_t pair[2];
};

// Blocks first[i] to first[i + 1] - 1 update tensor i.
struct TensorBlocks {
  unsigned first[kMaxSgdTensors + 1];
};

// All loads of a round are issued before the first one is used.
__global__ void __launch_bounds__(kThreads) sgd_kernel(SgdTensors tensors, TensorBlocks blocks) {
  int number = 0;
  while (blockIdx.x >= blocks.first[number + 1]) ++number;
  const SgdTensor tensor = tensors.tensor[number];
  const SgdCoefficients k = *tensor.coefficients;
  const unsigned block = blockIdx.x - blocks.first[number];
  const std::int64_t step = (blocks.first[number + 1] - blocks.first[number]) * kPart * kParts;
  for (std::int64_t first = block * kPart * kParts + threadIdx.x * 4; first < tensor.count; first += step) {
    float w[kParts][4];
    float v[kParts][4];
    float g[kParts][4];
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      const std::int64_t i = first + part * kPart;
      if (i >= tensor.count) break;
      load_vector(tensor.w + i, w[part]);
      load_vector(tensor.v + i, v[part]);
      load_vector(tensor.g + i, g[part]);
    }
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
      const std::int64_t i = first + part * kPart;
      if (i >= tensor.count) break;
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        v[part][e] = sgd_momentum(k, v[part][e], w[part][e], g[part][e]);
        w[part][e] += v[part][e];
      }
      store_vector(tensor.w + i, w[part]);
      store_vector(tensor.v + i, v[part]);
      if (tensor.copy != nullptr) {
        check_vector_access(tensor.copy + i, 8);
        *reinterpret_cast<FourBf16*>(tensor.copy + i) = {
            {pack_bf16(w[part][0], w[part][1]), pack_bf16(w[part][2], w[part][3])}};
      }
    }
  }
}

}  // namespace

void sgd_update(const Stream& stream, const SgdTensors& tensors, int count) {
  TensorBlocks blocks = {};
  for (int i = 0; i < count; ++i) {
    blocks.first[i + 1] =
        blocks.first[i] + blocks_for(tensors.tensor[i].count, static_cast<int>(kPart * kParts));
  }
  launch(sgd_kernel, dim3(blocks.first[count]), kThreads, 0, stream, tensors, blocks);
}

}  // namespace convoy::cuda
