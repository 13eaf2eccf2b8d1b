#include "kernels/cuda/vector.cuh"
#include "kernels/multiply.h"

namespace convoy::cuda {
namespace {

__global__ void __launch_bounds__(kThreads)
    multiply_kernel(std::int64_t count, const float* factors, float* values) {
  for_each_flat<float>(count, [&](std::int64_t i) {
    float a[kVector<float>];
    float b[kVector<float>];
    load_vector(factors + i, a);
    load_vector(static_cast<const float*>(values) + i, b);
#pragma unroll
    for (int e = 0; e < kVector<float>; ++e) b[e] *= a[e];
    store_vector(values + i, b);
  });
}

}  // namespace

void multiply(const Stream& stream, std::int64_t count, const float* factors, float* values) {
  launch(multiply_kernel, flat_grid<float>(count), kThreads, 0, stream, count, factors, values);
}

}  // namespace convoy::cuda
