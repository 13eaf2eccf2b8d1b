// pool: the maximum or the average of each window of a channel.
//   The window of output (p, q) has kernel_height rows from p * stride - pad_top on, and columns likewise.
// It sees only what lies inside the input, and the average divides by the number of elements that it sees (as
// cuda-convnet does). A window that sees nothing gives 0. Of equal maxima only the first in row-major order
// gets the gradient.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

struct PoolShape {
  TensorShape in;
  TensorShape out;  // with the images, channels and block of `in`
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  int pad_top = 0;
  int pad_left = 0;
};

// Place of a maximum in its window: row * kernel_width + column.
using PoolIndex = std::uint16_t;
inline constexpr int kMaxPoolWindow = std::numeric_limits<PoolIndex>::max();  // elements
// The output has no gradient: its window sees nothing, or the GPU's ReLU cut it.
inline constexpr PoolIndex kPoolNowhere = kMaxPoolWindow;

// Part of an axis: the elements that a window sees, or the windows that see an element: [begin, end).
struct PoolRange {
  int begin = 0;
  int end = 0;
};
// The input rows (or columns) that window `index` sees.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr PoolRange pool_window(int index, int kernel, int stride, int pad,
                                                                 int inputs) {
  const int begin = index * stride - pad;
  const int end = begin + kernel;
  return {begin < 0 ? 0 : begin, end > inputs ? inputs : end};
}
// The windows along an axis that see input `position`.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr PoolRange pool_windows_over(int position, int kernel, int stride,
                                                                       int pad, int outputs) {
  const int last = (position + pad) / stride;
  const int first = position + pad < kernel ? 0 : (position + pad - kernel) / stride + 1;
  return {first, last + 1 < outputs ? last + 1 : outputs};
}

// What the window of an output sees, and where it begins, perhaps outside of the input.
struct PoolWindow {
  PoolRange rows;
  PoolRange columns;
  int top = 0;
  int left = 0;
  // Elements that it sees.
  [[nodiscard]] CONVOY_HOST_DEVICE constexpr int seen() const {
    const int height = rows.end - rows.begin;
    const int width = columns.end - columns.begin;
    return height > 0 && width > 0 ? height * width : 0;
  }
};
[[nodiscard]] CONVOY_HOST_DEVICE constexpr PoolWindow pool_window_of(const PoolShape& s, int p, int q) {
  return {pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height),
          pool_window(q, s.kernel_width, s.stride, s.pad_left, s.in.width), p * s.stride - s.pad_top,
          q * s.stride - s.pad_left};
}

// Whether `value` replaces the best so far; a NaN does, so that it is noticed.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr bool pool_replaces(float value, float best) {
  return value > best || value != value;
}

// On every backend: y and dx overwrite. where: one index for each element of y, for the backward pass; null
// if there will be none. relu: y = max(y, 0). dy is the gradient before that ReLU. x: null; or the output of
// a ReLU, and then dx is the gradient of that ReLU's input.
namespace cpu {

template <typename T>
void maxpool_forward(const PoolShape& shape, bool relu, const T* x, T* y, PoolIndex* where);
template <typename T>
void avgpool_forward(const PoolShape& shape, bool relu, const T* x, T* y);
template <typename T>
void maxpool_backward(const PoolShape& shape, const PoolIndex* where, const T* dy, const T* x, T* dx);
template <typename T>
void avgpool_backward(const PoolShape& shape, const T* dy, const T* x, T* dx);

}  // namespace cpu
namespace cuda {

class Stream;

// See kernels/cuda/batch.h. If maxpool_forward had `relu`, `where` stops the gradient at maxima that are not
// above 0, so that dy may be the gradient of y itself.
template <typename T>
void maxpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y,
                     PoolIndex* where);
template <typename T>
void avgpool_forward(const Stream& stream, const PoolShape& shape, bool relu, const T* x, T* y);
template <typename T>
void maxpool_backward(const Stream& stream, const PoolShape& shape, const PoolIndex* where, const T* dy,
                      const T* x, T* dx);
template <typename T>
void avgpool_backward(const Stream& stream, const PoolShape& shape, const T* dy, const T* x, T* dx);

}  // namespace cuda
}  // namespace convoy
