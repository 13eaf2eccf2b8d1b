#include "kernels/cuda/elementwise.cuh"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

struct Relu {
  __device__ float operator()(float x) const { return convoy::relu(x); }
};
struct ReluBackward {
  __device__ float operator()(float y, float dy) const { return convoy::relu_backward(y, dy); }
};

}  // namespace

template <typename T>
void relu_forward(const Stream& stream, std::int64_t count, const T* x, T* y) {
  map_elements(stream, count, Relu{}, x, y);
}
template <typename T>
void relu_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx) {
  map_gradients(stream, count, ReluBackward{}, y, dy, dx);
}

template void relu_forward<float>(const Stream&, std::int64_t, const float*, float*);
template void relu_forward<Bf16>(const Stream&, std::int64_t, const Bf16*, Bf16*);
template void relu_backward<float>(const Stream&, std::int64_t, const float*, const float*, float*);
template void relu_backward<Bf16>(const Stream&, std::int64_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cuda
