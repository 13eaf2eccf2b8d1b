#include <algorithm>
#include <cmath>

#include "kernels/cuda/lrn.cuh"
#include "kernels/lrn_map.h"

namespace convoy::cuda {
namespace {

// A thread works on a vector of channels of one column, and moves down a strip of rows. For each row it sums
// the columns of the window, and keeps these sums for the rows that a window sees in registers, so that a
// value is read size * (1 + (size - 1) / kStripRows) times, most of them from the first-level cache, instead
// of size^2 times.
constexpr int kStripRows = 8;

[[nodiscard]] CONVOY_HOST_DEVICE constexpr int strips_of(const TensorShape& t) {
  return (t.height + kStripRows - 1) / kStripRows;
}
// The strips as the pixels of a tensor.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr TensorShape strip_tensor(const TensorShape& t) {
  return {t.images, t.channels, strips_of(t), t.width, t.block};
}
template <typename T>
[[nodiscard]] dim3 strip_grid(const TensorShape& t) {
  const TensorShape strips = strip_tensor(t);
  return vector_grid(strips.block / kVector<T>, strips.pixels(), strips.images);
}

// Adds up a row of a window: sums[e] = the sum of value(column, e) over the columns from first to end.
// load(column, values) loads a vector.
template <int kCount, typename Load>
__device__ __forceinline__ void sum_row(int first, int end, const Load& load, float (&sums)[kCount]) {
#pragma unroll
  for (int e = 0; e < kCount; ++e) sums[e] = 0.0F;
  for (int column = first; column < end; ++column) {
    float values[kCount];
    load(column, values);
#pragma unroll
    for (int e = 0; e < kCount; ++e) sums[e] += values[e];
  }
}

// The rows of windows that end at the current row, from the first on. kReach: that of the windows if it is 1
// or 2. Else 0: then nothing is kept, and all rows of a window are summed for each of its pixels.
template <int kReach, int kCount>
class WindowRows {
 public:
  // The sums over the window of row `row`, given that of the row before if there was one. load(row, column,
  // values) loads a vector of what is summed.
  template <typename Load>
  __device__ __forceinline__ void next(const LrnMapShape& shape, int row, int column, bool begins,
                                       const Load& load, float (&sums)[kCount]) {
    const TensorShape& t = shape.tensor;
    const int reach = kReach == 0 ? shape.reach() : kReach;
    const int first = column < reach ? 0 : column - reach;
    const int end = t.width - column > reach ? column + reach + 1 : t.width;
    const auto add_up = [&](int from, float(&into)[kCount]) {
      sum_row(
          first, end, [&](int at, float(&values)[kCount]) { load(from, at, values); }, into);
    };
    if constexpr (kReach == 0) {
      const int top = row < reach ? 0 : row - reach;
      const int bottom = t.height - row > reach ? row + reach + 1 : t.height;
      add_up(top, sums);
      for (int from = top + 1; from < bottom; ++from) {
        float one[kCount];
        add_up(from, one);
#pragma unroll
        for (int e = 0; e < kCount; ++e) sums[e] += one[e];
      }
    } else {
      for (int from = begins ? row - reach : row + reach; from <= row + reach; ++from) {
#pragma unroll
        for (int j = 0; j + 1 < kRows; ++j) {
#pragma unroll
          for (int e = 0; e < kCount; ++e) rows_[j][e] = rows_[j + 1][e];
        }
        if (from >= 0 && from < t.height) {
          add_up(from, rows_[kRows - 1]);
        } else {
#pragma unroll
          for (int e = 0; e < kCount; ++e) rows_[kRows - 1][e] = 0.0F;
        }
      }
#pragma unroll
      for (int e = 0; e < kCount; ++e) {
        sums[e] = rows_[0][e];
#pragma unroll
        for (int j = 1; j < kRows; ++j) sums[e] += rows_[j][e];
      }
    }
  }

 private:
  static constexpr int kRows = 2 * kReach + 1;
  float rows_[kRows][kCount] = {};
};

// Calls body(image, row, column, channel, whether a strip begins, window rows) for each row of the strips of
// this thread.
template <typename T, typename Rows, typename Body>
__device__ __forceinline__ void for_each_strip(const TensorShape& t, Body&& body) {
  for_each_vector<T>(strip_tensor(t), [&](int n, int index, int channel) {
    const int strip = index / t.width;
    const int column = index - strip * t.width;
    const int end = t.height - strip * kStripRows < kStripRows ? t.height : (strip + 1) * kStripRows;
    Rows rows;
    for (int row = strip * kStripRows; row < end; ++row) {
      body(n, row, column, channel, row == strip * kStripRows, rows);
    }
  });
}

template <typename T>
struct Image {
  const T* data;  // of the vector's channel, at the first pixel of the image
  int width;
  int block;

  __device__ __forceinline__ const T* at(int row, int column) const {
    return data + (std::int64_t{row} * width + column) * block;
  }
  __device__ __forceinline__ void load(int row, int column, float (&values)[kVector<T>]) const {
    load_vector(at(row, column), values);
  }
  __device__ __forceinline__ void load_squares(int row, int column, float (&values)[kVector<T>]) const {
    load(row, column, values);
#pragma unroll
    for (float& value : values) value *= value;
  }
};
template <typename T>
__device__ __forceinline__ Image<T> image_of(const TensorShape& t, const T* data, int n, int channel) {
  return {data + n * t.image_elements() + channel, t.width, t.block};
}

// s of a pixel's vector.
template <typename T, typename Rows>
__device__ __forceinline__ void map_denominators(const LrnMapShape& shape, const Image<T>& x, int row,
                                                 int column, bool begins, Rows& rows,
                                                 float (&s)[kVector<T>]) {
  rows.next(
      shape, row, column, begins,
      [&](int h, int w, float(&values)[kVector<T>]) { x.load_squares(h, w, values); }, s);
#pragma unroll
  for (float& value : s) value = std::fma(shape.scale, value, shape.k);
}

// The element at which the vector of a pixel begins.
__device__ __forceinline__ std::int64_t offset_of(const TensorShape& t, int n, int row, int column,
                                                  int channel) {
  return n * t.image_elements() + (std::int64_t{row} * t.width + column) * t.block + channel;
}

// A vector of T as floats in scratch memory.
template <int kCount>
__device__ __forceinline__ void load_floats(const float* from, float (&values)[kCount]) {
#pragma unroll
  for (int e = 0; e < kCount; e += 4) {
    const auto four = load_aligned<4>(from + e);
#pragma unroll
    for (int i = 0; i < 4; ++i) values[e + i] = four.at[i];
  }
}
template <int kCount>
__device__ __forceinline__ void store_floats(float* to, const float (&values)[kCount]) {
#pragma unroll
  for (int e = 0; e < kCount; e += 4) {
    store_aligned<4>(to + e, {{values[e], values[e + 1], values[e + 2], values[e + 3]}});
  }
}

// Two blocks on a multiprocessor: what the rows of a window take in registers leaves no room for three.
template <int kReach, typename T>
__global__ void __launch_bounds__(kThreads, 2) lrn_map_forward_kernel(LrnMapShape shape, const T* x, T* y) {
  using Rows = WindowRows<kReach, kVector<T>>;
  const TensorShape& t = shape.tensor;
  for_each_strip<T, Rows>(t, [&](int n, int row, int column, int channel, bool begins, Rows& rows) {
    const Image<T> image = image_of(t, x, n, channel);
    float s[kVector<T>];
    map_denominators(shape, image, row, column, begins, rows, s);
    float values[kVector<T>];
    image.load(row, column, values);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) values[e] *= lrn_power<T>(shape, s[e]);
    store_vector(y + offset_of(t, n, row, column, channel), values);
  });
}

// direct = dy * s^-beta; terms = dy * x * s^-(beta + 1).
template <int kReach, typename T>
__global__ void __launch_bounds__(kThreads, 2)
    lrn_map_terms_kernel(LrnMapShape shape, const T* x, const T* dy, float* direct, float* terms) {
  using Rows = WindowRows<kReach, kVector<T>>;
  const TensorShape& t = shape.tensor;
  for_each_strip<T, Rows>(t, [&](int n, int row, int column, int channel, bool begins, Rows& rows) {
    const Image<T> image = image_of(t, x, n, channel);
    float s[kVector<T>];
    map_denominators(shape, image, row, column, begins, rows, s);
    const std::int64_t at = offset_of(t, n, row, column, channel);
    float values[kVector<T>];
    float straight[kVector<T>];
    image.load(row, column, values);
    load_vector(dy + at, straight);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      straight[e] *= lrn_power<T>(shape, s[e]);
      values[e] = lrn_quotient<T>(straight[e] * values[e], s[e]);
    }
    store_floats(direct + at, straight);
    store_floats(terms + at, values);
  });
}

template <int kReach, typename T>
__global__ void __launch_bounds__(kThreads, 2)
    lrn_map_backward_kernel(LrnMapShape shape, const T* x, const float* direct, const float* terms, T* dx,
                            bool relu_input) {
  using Rows = WindowRows<kReach, kVector<T>>;
  const TensorShape& t = shape.tensor;
  const float factor = 2.0F * shape.scale * shape.beta;
  for_each_strip<T, Rows>(t, [&](int n, int row, int column, int channel, bool begins, Rows& rows) {
    const Image<float> parts = image_of(t, terms, n, channel);
    float sums[kVector<T>];
    rows.next(
        shape, row, column, begins,
        [&](int h, int w, float(&values)[kVector<T>]) { load_floats(parts.at(h, w), values); }, sums);
    const std::int64_t at = offset_of(t, n, row, column, channel);
    float values[kVector<T>];
    float gradients[kVector<T>];
    load_vector(x + at, values);
    load_floats(direct + at, gradients);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) {
      const float g = std::fma(-factor * values[e], sums[e], gradients[e]);
      gradients[e] = relu_input && values[e] <= 0.0F ? 0.0F : g;
    }
    store_vector(dx + at, gradients);
  });
}

// Calls body(std::integral_constant<int, reach>) with the windows' reach if there are kernels for it, else
// with 0.
template <typename Body>
void with_map_reach(const LrnMapShape& shape, Body&& body) {
  if (shape.reach() == 1) return body(std::integral_constant<int, 1>());
  if (shape.reach() == 2) return body(std::integral_constant<int, 2>());
  body(std::integral_constant<int, 0>());
}

}  // namespace

std::int64_t lrn_map_scratch(const LrnMapShape& shape) { return 2 * shape.tensor.elements(); }

template <typename T>
void lrn_map_forward(const Stream& stream, const LrnMapShape& shape, const T* x, T* y) {
  with_map_reach(shape, [&](auto reach) {
    launch(lrn_map_forward_kernel<reach(), T>, strip_grid<T>(shape.tensor), kThreads, 0, stream, shape, x, y);
  });
}

template <typename T>
void lrn_map_backward(const Stream& stream, const LrnMapShape& shape, const T* x, const T* dy, T* dx,
                      bool relu_input, float* scratch) {
  const dim3 grid = strip_grid<T>(shape.tensor);
  float* const terms = scratch + shape.tensor.elements();
  with_map_reach(shape, [&](auto reach) {
    launch(lrn_map_terms_kernel<reach(), T>, grid, kThreads, 0, stream, shape, x, dy, scratch, terms);
    launch(lrn_map_backward_kernel<reach(), T>, grid, kThreads, 0, stream, shape, x, scratch, terms, dx,
           relu_input);
  });
}

template void lrn_map_forward<float>(const Stream&, const LrnMapShape&, const float*, float*);
template void lrn_map_forward<Bf16>(const Stream&, const LrnMapShape&, const Bf16*, Bf16*);
template void lrn_map_backward<float>(const Stream&, const LrnMapShape&, const float*, const float*, float*,
                                      bool, float*);
template void lrn_map_backward<Bf16>(const Stream&, const LrnMapShape&, const Bf16*, const Bf16*, Bf16*, bool,
                                     float*);

}  // namespace convoy::cuda
