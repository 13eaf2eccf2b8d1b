#include <cmath>

#include "kernels/cuda/elementwise.cuh"
#include "kernels/tanh.h"

namespace convoy::cuda {
namespace {

struct Tanh {
  __device__ float operator()(float x) const { return std::tanh(x); }
};
struct TanhBackward {
  __device__ float operator()(float y, float dy) const { return convoy::tanh_backward(y, dy); }
};

}  // namespace

template <typename T>
void tanh_forward(const Stream& stream, std::int64_t count, const T* x, T* y) {
  map_elements(stream, count, Tanh{}, x, y);
}
template <typename T>
void tanh_backward(const Stream& stream, std::int64_t count, const T* y, const T* dy, T* dx) {
  map_gradients(stream, count, TanhBackward{}, y, dy, dx);
}

template void tanh_forward<float>(const Stream&, std::int64_t, const float*, float*);
template void tanh_forward<Bf16>(const Stream&, std::int64_t, const Bf16*, Bf16*);
template void tanh_backward<float>(const Stream&, std::int64_t, const float*, const float*, float*);
template void tanh_backward<Bf16>(const Stream&, std::int64_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cuda
