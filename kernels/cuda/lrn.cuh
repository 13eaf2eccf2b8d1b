// Shared by the kernels of lrn and of lrn_pool.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/vector.cuh"
#include "kernels/lrn.h"

namespace convoy::cuda {

// s^-beta. The fast version has an error of about 2^-22 times the exponent of s, which is negligible beside
// bf16's 2^-9. Shape: LrnShape or LrnMapShape.
template <typename T, typename Shape>
__device__ __forceinline__ float lrn_power(const Shape& shape, float s) {
  if constexpr (sizeof(T) == sizeof(Bf16)) {
    return fast_exp2(-shape.beta * fast_log2(s));
  } else {
    return shape.beta == 0.75F ? lrn_power_three_quarters(s) : std::pow(s, -shape.beta);
  }
}
template <typename T>
__device__ __forceinline__ float lrn_quotient(float a, float s) {
  if constexpr (sizeof(T) == sizeof(Bf16)) {
    return fast_divide(a, s);
  } else {
    return a / s;
  }
}

// Calls body(std::integral_constant<int, size>) with the window's size if there are kernels for it, else
// with 0. They take groups of whole vectors.
template <typename Body>
void with_lrn_size(const LrnShape& shape, Body&& body) {
  const bool vectors = shape.groups == 1 || shape.group_channels() % kVector<Bf16> == 0;
  if (!vectors) return body(std::integral_constant<int, 0>());
  if (shape.size == 5) return body(std::integral_constant<int, 5>());
  if (shape.size == 3) return body(std::integral_constant<int, 3>());
  body(std::integral_constant<int, 0>());
}

// The channels that the windows of a channel may see, [first, end): those of its group, and without groups
// the padding too.
struct LrnGroup {
  int first;
  int end;
};
__device__ __forceinline__ LrnGroup lrn_group(const LrnShape& shape, int channel) {
  if (shape.groups == 1 || channel >= shape.tensor.channels) return {0, shape.tensor.block};
  const int count = shape.group_channels();
  const int first = channel / count * count;
  return {first, first + count};
}

// The functions below must give the same bits in every kernel that calls them, but the compiler may contract
// a * b + c to a single rounding wherever it likes. So the fused multiply-adds are written out.

// values: the vector of channels at `channel` of pixel x. s: for each of these channels, k + scale * the sum
// of squares over its window. kSize: the window's size, or 0 for any size.
template <int kSize, typename T>
__device__ __forceinline__ void lrn_denominators(const LrnShape& shape, const T* x, int channel,
                                                 float (&values)[kVector<T>], float (&s)[kVector<T>]) {
  load_vector(x + channel, values);
  if constexpr (kSize == 0) {
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      const LrnGroup group = lrn_group(shape, channel + e);
      const int first = channel + e - shape.before();
      const int last = channel + e + shape.after();
      float sum = 0.0F;
      for (int c = first < group.first ? group.first : first; c <= last && c < group.end; ++c) {
        const float value = to_float(x[c]);
        sum = std::fma(value, value, sum);
      }
      s[e] = std::fma(shape.scale, sum, shape.k);
    }
  } else {
    constexpr int kBefore = kSize / 2;
    constexpr int kAfter = kSize - 1 - kBefore;
    static_assert(kBefore <= kVector<T>);
    float before[kVector<T>] = {};
    float after[kVector<T>] = {};
    const LrnGroup group = lrn_group(shape, channel);
    if (channel > group.first) load_vector(x + channel - kVector<T>, before);
    if (channel + kVector<T> < group.end) load_vector(x + channel + kVector<T>, after);
    float window[kVector<T> + kSize - 1];
#pragma unroll
    for (int i = 0; i < kBefore; ++i) window[i] = before[kVector<T> - kBefore + i];
#pragma unroll
    for (int i = 0; i < kVector<T>; ++i) window[kBefore + i] = values[i];
#pragma unroll
    for (int i = 0; i < kAfter; ++i) window[kBefore + kVector<T> + i] = after[i];
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      float sum = window[e] * window[e];
#pragma unroll
      for (int j = 1; j < kSize; ++j) sum = std::fma(window[e + j], window[e + j], sum);
      s[e] = std::fma(shape.scale, sum, shape.k);
    }
  }
}

// The blocks of the backward pass. Each works on `rows` whole pixels at a time, with one float of shared
// memory for each of their elements.
struct LrnBlocks {
  dim3 grid;
  std::size_t shared_bytes = 0;
};

template <typename T>
[[nodiscard]] LrnBlocks lrn_blocks(const TensorShape& shape) {
  const int vectors = shape.block / kVector<T>;
  const int rows = vectors < kThreads ? kThreads / vectors : 1;
  return {vector_grid(vectors, shape.pixels(), shape.images),
          static_cast<std::size_t>(rows) * static_cast<std::size_t>(shape.block) * sizeof(float)};
}

// For each channel of the vector at `channel`: the sum of the parts of the channels whose windows hold it,
// which are those from after() before it to before() after it. `own` are the parts of the vector itself.
template <int kSize, typename T>
__device__ __forceinline__ void lrn_part_sums(const LrnShape& shape, const float* parts, int channel,
                                              const float (&own)[kVector<T>], float (&sums)[kVector<T>]) {
  if constexpr (kSize == 0) {
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      const LrnGroup group = lrn_group(shape, channel + e);
      const int first = channel + e - shape.after();
      const int last = channel + e + shape.before();
      sums[e] = 0.0F;
      for (int c = first < group.first ? group.first : first; c <= last && c < group.end; ++c) {
        sums[e] += parts[c];
      }
    }
  } else {
    constexpr int kBack = kSize - 1 - kSize / 2;
    constexpr int kAhead = kSize / 2;
    const LrnGroup group = lrn_group(shape, channel);
    float window[kVector<T> + kSize - 1];
#pragma unroll
    for (int i = 0; i < kBack; ++i) window[i] = channel > group.first ? parts[channel - kBack + i] : 0.0F;
#pragma unroll
    for (int i = 0; i < kVector<T>; ++i) window[kBack + i] = own[i];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      window[kBack + kVector<T> + i] =
          channel + kVector<T> < group.end ? parts[channel + kVector<T> + i] : 0.0F;
    }
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      sums[e] = window[e];
#pragma unroll
      for (int j = 1; j < kSize; ++j) sums[e] += window[e + j];
    }
  }
}

// The backward pass of one block. gradient(image, pixel, channel, values) loads dy of a vector. Each thread
// computes its channels' parts of the sums, dy * x * s^-(beta + 1), and leaves them in shared memory for
// its neighbours.
template <int kSize, typename T, typename Gradient>
__device__ __forceinline__ void lrn_backward_block(const LrnShape& shape, const T* x, T* dx, bool relu_input,
                                                   Gradient&& gradient) {
  const TensorShape& t = shape.tensor;
  const int vectors = t.block / kVector<T>;
  const int pixels = t.height * t.width;
  const ThreadPosition position = thread_position(vectors);
  float* const parts = dynamic_shared<float>() + (position.row < position.rows ? position.row : 0) * t.block;
  const float factor = 2.0F * shape.scale * shape.beta;
  float values[kVector<T>];
  float direct[kVector<T>];
  float part[kVector<T>];
  // Sets `values` to x, `direct` to dy * s^-beta, and `part` to the part of the sum.
  const auto compute = [&](int n, int pixel, int channel) {
    float s[kVector<T>];
    lrn_denominators<kSize>(shape, x + n * t.image_elements() + std::int64_t{pixel} * t.block, channel,
                            values, s);
    gradient(n, pixel, channel, direct);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      direct[e] *= lrn_power<T>(shape, s[e]);
      part[e] = lrn_quotient<T>(direct[e] * values[e], s[e]);
    }
  };
  const auto finish = [&](int n, int pixel, int channel) {
    float sums[kVector<T>];
    lrn_part_sums<kSize, T>(shape, parts, channel, part, sums);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      const float g = std::fma(-factor * values[e], sums[e], direct[e]);
      direct[e] = relu_input && values[e] <= 0.0F ? 0.0F : g;
    }
    store_vector(dx + n * t.image_elements() + std::int64_t{pixel} * t.block + channel, direct);
  };
  // If a thread has only one vector of a pixel, the values stay in registers from compute to finish.
  const bool once = position.columns == vectors;
  for (int n = static_cast<int>(blockIdx.y); n < t.images; n += static_cast<int>(gridDim.y)) {
    const int step = static_cast<int>(gridDim.x) * position.rows;
    for (int first = static_cast<int>(blockIdx.x) * position.rows; first < pixels; first += step) {
      const int pixel = first + position.row;
      const bool active = position.row < position.rows && pixel < pixels;
      for (int v = active ? position.column : vectors; v < vectors; v += position.columns) {
        compute(n, pixel, v * kVector<T>);
#pragma unroll
        for (int e = 0; e < kVector<T>; e += 4) {
          store_aligned<4>(parts + v * kVector<T> + e, {{part[e], part[e + 1], part[e + 2], part[e + 3]}});
        }
      }
      __syncthreads();
      for (int v = active ? position.column : vectors; v < vectors; v += position.columns) {
        if (!once) compute(n, pixel, v * kVector<T>);
        finish(n, pixel, v * kVector<T>);
      }
      __syncthreads();
    }
  }
}

}  // namespace convoy::cuda
