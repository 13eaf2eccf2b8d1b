#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/vector.cuh"
#include "kernels/pool.h"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

template <typename T>
__global__ void __launch_bounds__(kThreads, 4)
    maxpool_forward_kernel(PoolShape s, bool relu, const T* x, T* y, PoolIndex* where) {
  for_each_vector<T>(s.out, [&](int n, int pixel, int channel) {
    const PoolWindow window = pool_window_of(s, pixel / s.out.width, pixel % s.out.width);
    const bool sees = window.seen() > 0;
    float best[kVector<T>];
    Aligned<PoolIndex, kVector<T>> index;
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      best[e] = sees ? -std::numeric_limits<float>::infinity() : 0.0F;
      index.at[e] = sees ? static_cast<PoolIndex>((window.rows.begin - window.top) * s.kernel_width +
                                                  (window.columns.begin - window.left))
                         : kPoolNowhere;
    }
    const T* const image = x + n * s.in.image_elements() + channel;
    for (int row = window.rows.begin; row < window.rows.end; ++row) {
      for (int column = window.columns.begin; column < window.columns.end; ++column) {
        float values[kVector<T>];
        load_vector(image + (std::int64_t{row} * s.in.width + column) * s.in.block, values);
        const auto here =
            static_cast<PoolIndex>((row - window.top) * s.kernel_width + (column - window.left));
#pragma unroll
        for (int e = 0; e < kVector<T>; ++e) {
          const bool replaces = pool_replaces(values[e], best[e]);
          best[e] = replaces ? values[e] : best[e];
          index.at[e] = replaces ? here : index.at[e];
        }
      }
    }
    if (relu) {
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) {
        if (best[e] <= 0.0F) {
          best[e] = 0.0F;
          index.at[e] = kPoolNowhere;
        }
      }
    }
    const std::int64_t to = n * s.out.image_elements() + std::int64_t{pixel} * s.out.block + channel;
    store_vector(y + to, best);
    if (where != nullptr) store_aligned<kVector<T>>(where + to, index);
  });
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 4)
    avgpool_forward_kernel(PoolShape s, bool relu, const T* x, T* y) {
  for_each_vector<T>(s.out, [&](int n, int pixel, int channel) {
    const PoolWindow window = pool_window_of(s, pixel / s.out.width, pixel % s.out.width);
    float sum[kVector<T>] = {};
    const T* const image = x + n * s.in.image_elements() + channel;
    for (int row = window.rows.begin; row < window.rows.end; ++row) {
      for (int column = window.columns.begin; column < window.columns.end; ++column) {
        float values[kVector<T>];
        load_vector(image + (std::int64_t{row} * s.in.width + column) * s.in.block, values);
#pragma unroll
        for (int e = 0; e < kVector<T>; ++e) sum[e] += values[e];
      }
    }
    const int seen = window.seen();
    const float factor = 1.0F / static_cast<float>(seen > 0 ? seen : 1);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      sum[e] *= factor;
      if (relu) sum[e] = convoy::relu(sum[e]);
    }
    store_vector(y + n * s.out.image_elements() + std::int64_t{pixel} * s.out.block + channel, sum);
  });
}

// Computes dx of a vector from the windows that see its pixel: for each it calls add(offset of the window's
// element in dy, index of the pixel in the window, p, q, sum).
template <typename T, typename Add>
__device__ inline void gather(const PoolShape& s, const T* x, T* dx, Add&& add) {
  for_each_vector<T>(s.in, [&](int n, int pixel, int channel) {
    const int h = pixel / s.in.width;
    const int w = pixel % s.in.width;
    const PoolRange rows = pool_windows_over(h, s.kernel_height, s.stride, s.pad_top, s.out.height);
    const PoolRange columns = pool_windows_over(w, s.kernel_width, s.stride, s.pad_left, s.out.width);
    float sum[kVector<T>] = {};
    for (int p = rows.begin; p < rows.end; ++p) {
      const int row = h - (p * s.stride - s.pad_top);
      for (int q = columns.begin; q < columns.end; ++q) {
        const std::int64_t from =
            n * s.out.image_elements() + (std::int64_t{p} * s.out.width + q) * s.out.block + channel;
        add(from, row * s.kernel_width + w - (q * s.stride - s.pad_left), p, q, sum);
      }
    }
    const std::int64_t to = n * s.in.image_elements() + std::int64_t{pixel} * s.in.block + channel;
    if (x != nullptr) {
      float inputs[kVector<T>];
      load_vector(x + to, inputs);
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) sum[e] = convoy::relu_backward(inputs[e], sum[e]);
    }
    store_vector(dx + to, sum);
  });
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 4)
    maxpool_backward_kernel(PoolShape s, const PoolIndex* where, const T* dy, const T* x, T* dx) {
  gather(s, x, dx, [&](std::int64_t from, int here, int /*p*/, int /*q*/, float(&sum)[kVector<T>]) {
    const auto index = load_aligned<kVector<T>>(where + from);
    float gradients[kVector<T>];
    load_vector(dy + from, gradients);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) sum[e] += index.at[e] == here ? gradients[e] : 0.0F;
  });
}

template <typename T>
__global__ void __launch_bounds__(kThreads, 4)
    avgpool_backward_kernel(PoolShape s, const T* dy, const T* x, T* dx) {
  gather(s, x, dx, [&](std::int64_t from, int /*here*/, int p, int q, float(&sum)[kVector<T>]) {
    float gradients[kVector<T>];
    load_vector(dy + from, gradients);
    const float factor = 1.0F / static_cast<float>(pool_window_of(s, p, q).seen());
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) sum[e] += gradients[e] * factor;
  });
}

template <typename T>
dim3 grid_over(const TensorShape& shape) {
  return vector_grid(shape.block / kVector<T>, shape.pixels(), shape.images);
}

}  // namespace

template <typename T>
void maxpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y,
                     PoolIndex* where) {
  launch(maxpool_forward_kernel<T>, grid_over<T>(shape.out), kThreads, 0, stream, shape, relu, x, y, where);
}
template <typename T>
void avgpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y) {
  launch(avgpool_forward_kernel<T>, grid_over<T>(shape.out), kThreads, 0, stream, shape, relu, x, y);
}
template <typename T>
void maxpool_backward(const Stream& stream, const PoolShape& shape, const PoolIndex* where, const T* dy,
                      const T* x, T* dx) {
  launch(maxpool_backward_kernel<T>, grid_over<T>(shape.in), kThreads, 0, stream, shape, where, dy, x, dx);
}
template <typename T>
void avgpool_backward(const Stream& stream, const PoolShape& shape, const T* dy, const T* x, T* dx) {
  launch(avgpool_backward_kernel<T>, grid_over<T>(shape.in), kThreads, 0, stream, shape, dy, x, dx);
}

template void maxpool_forward<float>(const Stream&, const PoolShape&, bool, const float*, float*, PoolIndex*);
template void maxpool_forward<Bf16>(const Stream&, const PoolShape&, bool, const Bf16*, Bf16*, PoolIndex*);
template void avgpool_forward<float>(const Stream&, const PoolShape&, bool, const float*, float*);
template void avgpool_forward<Bf16>(const Stream&, const PoolShape&, bool, const Bf16*, Bf16*);
template void maxpool_backward<float>(const Stream&, const PoolShape&, const PoolIndex*, const float*,
                                      const float*, float*);
template void maxpool_backward<Bf16>(const Stream&, const PoolShape&, const PoolIndex*, const Bf16*,
                                     const Bf16*, Bf16*);
template void avgpool_backward<float>(const Stream&, const PoolShape&, const float*, const float*, float*);
template void avgpool_backward<Bf16>(const Stream&, const PoolShape&, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cuda
