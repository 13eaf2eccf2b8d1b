// pool: the maximum or the average of each window of a channel.
// The window of output (p, q) covers rows p * stride - pad_top ... + kernel_height - 1, columns likewise; it
// sees only what lies inside the input, and the average divides by the number of elements that it sees (as
// cuda-convnet does). A window that sees nothing gives 0. Equal maxima: the first in row-major order wins,
// alone.
#pragma once

#include <cstdint>
#include <limits>

#include "kernels/bf16.h"
#include "kernels/tensor_shape.h"
#include "lib/base/host_device.h"

namespace convoy {

struct PoolShape {
  TensorShape in;
  TensorShape out;  // of in's images, channels and block
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  int pad_top = 0;
  int pad_left = 0;
};

// Place of a maximum in its window: row * kernel_width + column.
using PoolIndex = std::uint16_t;
inline constexpr int kMaxPoolWindow = std::numeric_limits<PoolIndex>::max();  // elements

// Part of a window, or of the windows over an element: [begin, end).
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
// Whether `value` takes the place of the best so far; a NaN does, so that it is noticed.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr bool pool_replaces(float value, float best) {
  return value > best || value != value;
}

namespace cpu {

// y overwrites. where: nullptr, or one index for each element of y, for the backward pass. relu: y = max(y,
// 0).
template <typename T>
void maxpool_forward(const PoolShape& shape, bool relu, const T* x, T* y, PoolIndex* where);
template <typename T>
void avgpool_forward(const PoolShape& shape, bool relu, const T* x, T* y);

// dx overwrites; each element gathers from the windows that see it. x: nullptr, or where x is the output of a
// ReLU and dx shall be the gradient of that ReLU's input.
template <typename T>
void maxpool_backward(const PoolShape& shape, const PoolIndex* where, const T* dy, const T* x, T* dx);
template <typename T>
void avgpool_backward(const PoolShape& shape, const T* dy, const T* x, T* dx);

}  // namespace cpu
}  // namespace convoy
