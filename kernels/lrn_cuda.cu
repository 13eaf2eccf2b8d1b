#include "kernels/cuda/lrn.cuh"
#include "kernels/lrn.h"

namespace convoy::cuda {
namespace {

template <int kSize, typename T>
__global__ void __launch_bounds__(kThreads, 4) lrn_forward_kernel(LrnShape shape, const T* x, T* y) {
  const TensorShape& t = shape.tensor;
  for_each_vector<T>(t, [&](int n, int pixel, int channel) {
    const std::int64_t at = n * t.image_elements() + std::int64_t{pixel} * t.block;
    float values[kVector<T>];
    float s[kVector<T>];
    lrn_denominators<kSize>(shape, x + at, channel, values, s);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) values[e] *= lrn_power<T>(shape, s[e]);
    store_vector(y + at + channel, values);
  });
}

template <int kSize, typename T>
__global__ void __launch_bounds__(kThreads, 3)
    lrn_backward_kernel(LrnShape shape, const T* x, const T* dy, T* dx, bool relu_input) {
  const TensorShape& t = shape.tensor;
  lrn_backward_block<kSize>(
      shape, x, dx, relu_input, [&](int n, int pixel, int channel, float(&gradients)[kVector<T>]) {
        load_vector(dy + n * t.image_elements() + std::int64_t{pixel} * t.block + channel, gradients);
      });
}

}  // namespace

bool lrn_fits(const LrnShape& shape, std::uint64_t shared_bytes) {
  return static_cast<std::uint64_t>(shape.tensor.block) * sizeof(float) <= shared_bytes;
}

template <typename T>
void lrn_forward(const Stream& stream, const LrnShape& shape, const T* x, T* y) {
  const dim3 grid = vector_grid(shape.tensor.block / kVector<T>, shape.tensor.pixels(), shape.tensor.images);
  with_lrn_size(shape, [&](auto size) {
    launch(lrn_forward_kernel<size(), T>, grid, kThreads, 0, stream, shape, x, y);
  });
}

template <typename T>
void lrn_backward(const Stream& stream, const LrnShape& shape, const T* x, const T* dy, T* dx,
                  bool relu_input) {
  const LrnBlocks blocks = lrn_blocks<T>(shape.tensor);
  with_lrn_size(shape, [&](auto size) {
    launch(lrn_backward_kernel<size(), T>, blocks.grid, kThreads, blocks.shared_bytes, stream, shape, x, dy,
           dx, relu_input);
  });
}

template void lrn_forward<float>(const Stream&, const LrnShape&, const float*, float*);
template void lrn_forward<Bf16>(const Stream&, const LrnShape&, const Bf16*, Bf16*);
template void lrn_backward<float>(const Stream&, const LrnShape&, const float*, const float*, float*, bool);
template void lrn_backward<Bf16>(const Stream&, const LrnShape&, const Bf16*, const Bf16*, Bf16*, bool);

}  // namespace convoy::cuda
