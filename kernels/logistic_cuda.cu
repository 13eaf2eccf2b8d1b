#include "kernels/cuda/elementwise.cuh"
#include "kernels/logistic.h"

namespace convoy::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kThreads) logistic_kernel(const TensorShape shape, const T* x, T* y) {
  for_each_vector<T>(shape, [&](int n, int pixel, int channel) {
    const std::int64_t at = n * shape.image_elements() + std::int64_t{pixel} * shape.block + channel;
    float values[kVector<T>];
    load_vector(x + at, values);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e)
      values[e] = channel + e < shape.channels ? logistic(values[e]) : 0.0F;
    store_vector(y + at, values);
  });
}

struct LogisticBackward {
  __device__ float operator()(float y, float dy) const { return convoy::logistic_backward(y, dy); }
};

}  // namespace

template <typename T>
void logistic_forward(const Stream& stream, const TensorShape& shape, const T* x, T* y) {
  const dim3 grid = vector_grid(shape.block / kVector<T>, shape.pixels(), shape.images);
  launch(logistic_kernel<T>, grid, kThreads, 0, stream, shape, x, y);
}
template <typename T>
void logistic_backward(const Stream& stream, const TensorShape& shape, const T* y, const T* dy, T* dx) {
  map_gradients(stream, shape.elements(), LogisticBackward{}, y, dy, dx);
}

template void logistic_forward<float>(const Stream&, const TensorShape&, const float*, float*);
template void logistic_forward<Bf16>(const Stream&, const TensorShape&, const Bf16*, Bf16*);
template void logistic_backward<float>(const Stream&, const TensorShape&, const float*, const float*, float*);
template void logistic_backward<Bf16>(const Stream&, const TensorShape&, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cuda
