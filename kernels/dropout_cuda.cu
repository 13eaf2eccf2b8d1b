#include "kernels/cuda/batch.h"
#include "kernels/cuda/elementwise.cuh"
#include "kernels/dropout.h"

namespace convoy::cuda {
namespace {

// Multiplies the vector by the mask and the scale. The mask's words are numbered like the image's elements in
// C,H,W order: if the image is a single pixel, four neighbours of a vector share a block of four words;
// otherwise every element has a block of its own.
template <int kCount>
__device__ inline void apply_mask(const DropoutShape& shape, const PhiloxStream& words, int pixel,
                                  int channel, float (&values)[kCount]) {
  const int pixels = shape.tensor.height * shape.tensor.width;
  if (pixels == 1) {
#pragma unroll
    for (int e = 0; e < kCount; e += 4) {
      const PhiloxBlock block = words.block(static_cast<std::uint32_t>(channel + e) / 4);
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        values[e + i] = dropout_keeps(block[static_cast<std::size_t>(i)], shape.drop)
                            ? shape.scale * values[e + i]
                            : 0.0F;
      }
    }
    return;
  }
#pragma unroll
  for (int e = 0; e < kCount; ++e) {
    const std::uint32_t index = static_cast<std::uint32_t>(channel + e) * static_cast<std::uint32_t>(pixels) +
                                static_cast<std::uint32_t>(pixel);
    values[e] = dropout_keeps(words.word(index), shape.drop) ? shape.scale * values[e] : 0.0F;
  }
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(DropoutShape shape, DropoutBatch batch, const T* x, T* y) {
  const int images = batch.header->images;
  for_each_vector<T>(shape.tensor, [&](int n, int pixel, int channel) {
    const std::int64_t at =
        n * shape.tensor.image_elements() + std::int64_t{pixel} * shape.tensor.block + channel;
    float values[kVector<T>] = {};
    if (n < images) {
      load_vector(x + at, values);
      apply_mask(shape, dropout_stream(shape, batch.records[n], batch.epochs[n]), pixel, channel, values);
    }
    store_vector(y + at, values);
  });
}

struct ReluDropoutBackward {
  float scale;
  __device__ float operator()(float y, float dy) const { return y > 0.0F ? scale * dy : 0.0F; }
};
struct Scale {
  float factor;
  __device__ float operator()(float x) const { return factor * x; }
};

}  // namespace

template <typename T>
void dropout_forward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* x,
                     T* y) {
  const dim3 grid = vector_grid(shape.tensor.block / kVector<T>, shape.tensor.pixels(), shape.tensor.images);
  launch(dropout_kernel<T>, grid, kThreads, 0, stream, shape, batch, x, y);
}
template <typename T>
void dropout_backward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* dy,
                      T* dx) {
  dropout_forward(stream, shape, batch, dy, dx);  // the same mask and scale
}
template <typename T>
void relu_dropout_backward(const Stream& stream, std::int64_t count, float scale, const T* y, const T* dy,
                           T* dx) {
  map_gradients(stream, count, ReluDropoutBackward{scale}, y, dy, dx);
}
template <typename T>
void scale_activations(const Stream& stream, std::int64_t count, float factor, const T* x, T* y) {
  map_elements(stream, count, Scale{factor}, x, y);
}

template void dropout_forward<float>(const Stream&, const DropoutShape&, const DropoutBatch&, const float*,
                                     float*);
template void dropout_forward<Bf16>(const Stream&, const DropoutShape&, const DropoutBatch&, const Bf16*,
                                    Bf16*);
template void dropout_backward<float>(const Stream&, const DropoutShape&, const DropoutBatch&, const float*,
                                      float*);
template void dropout_backward<Bf16>(const Stream&, const DropoutShape&, const DropoutBatch&, const Bf16*,
                                     Bf16*);
template void relu_dropout_backward<float>(const Stream&, std::int64_t, float, const float*, const float*,
                                           float*);
template void relu_dropout_backward<Bf16>(const Stream&, std::int64_t, float, const Bf16*, const Bf16*,
                                          Bf16*);
template void scale_activations<float>(const Stream&, std::int64_t, float, const float*, float*);
template void scale_activations<Bf16>(const Stream&, std::int64_t, float, const Bf16*, Bf16*);

}  // namespace convoy::cuda
