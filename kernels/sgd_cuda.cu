#include "kernels/cuda/vector.cuh"
#include "kernels/sgd.h"

namespace convoy::cuda {
namespace {

constexpr int kParts = 2;                                   // vectors that a thread has in flight together
constexpr std::int64_t kPart = std::int64_t{kThreads} * 4;  // elements of a block's part

struct alignas(8) FourBf16 {
  std::uint32_t pair[2];
};

// blockIdx.y counts tensors. All loads of a round are issued before the first one is used.
__global__ void __launch_bounds__(kThreads) sgd_kernel(SgdTensors tensors) {
  const SgdTensor tensor = tensors.tensor[blockIdx.y];
  const SgdCoefficients k = *tensor.coefficients;
  const std::int64_t step = gridDim.x * kPart * kParts;
  for (std::int64_t first = blockIdx.x * kPart * kParts + threadIdx.x * 4; first < tensor.count;
       first += step) {
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
  std::int64_t largest = 0;
  for (int i = 0; i < count; ++i)
    largest = largest < tensors.tensor[i].count ? tensors.tensor[i].count : largest;
  const dim3 grid(blocks_for(largest, static_cast<int>(kPart * kParts)), static_cast<unsigned>(count));
  launch(sgd_kernel, grid, kThreads, 0, stream, tensors);
}

}  // namespace convoy::cuda
