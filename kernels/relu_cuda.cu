#include "kernels/cuda/ops.h"
#include "kernels/cuda/vector.cuh"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kThreads) relu_forward_kernel(std::int64_t count, const T* x, T* y) {
  for_each_flat<T>(count, [&](std::int64_t i) {
    float values[kVector<T>];
    load_vector(x + i, values);
#pragma unroll
    for (float& value : values) value = convoy::relu(value);
    store_vector(y + i, values);
  });
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    relu_backward_kernel(std::int64_t count, const T* y, const T* dy, T* dx) {
  for_each_flat<T>(count, [&](std::int64_t i) {
    float outputs[kVector<T>];
    float gradients[kVector<T>];
    load_vector(y + i, outputs);
    load_vector(dy + i, gradients);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) gradients[e] = convoy::relu_backward(outputs[e], gradients[e]);
    store_vector(dx + i, gradients);
  });
}

}  // namespace

template <typename T>
void relu_forward(const Stream& stream, std::int64_t count, const T* x, T* y) {
  launch(relu_forward_kernel<T>, flat_grid<T>(count), kThreads, 0, stream, count, x, y);
}
template <typename T>
void relu_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx) {
  launch(relu_backward_kernel<T>, flat_grid<T>(count), kThreads, 0, stream, count, y, dy, dx);
}

template void relu_forward<float>(const Stream&, std::int64_t, const float*, float*);
template void relu_forward<Bf16>(const Stream&, std::int64_t, const Bf16*, Bf16*);
template void relu_backward<float>(const Stream&, std::int64_t, const float*, const float*, float*);
template void relu_backward<Bf16>(const Stream&, std::int64_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cuda
