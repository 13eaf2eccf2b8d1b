// lrn_pool: local response normalisation, then max-pooling, in one pass over the activations.
//   y = maxpool(lrn(x)), as lrn.h and pool.h define the two; the normalised values are rounded to the element
//   type before they are compared, as if they had been stored.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "kernels/element.h"
#include "kernels/lrn.h"
#include "kernels/pool.h"

namespace convoy {

// Place of a maximum in its window: row * kernel_width + column.
using LrnPoolIndex = std::uint8_t;
// The output has no gradient: its window sees nothing, or the ReLU after the pooling cut it.
inline constexpr LrnPoolIndex kLrnPoolNowhere = std::numeric_limits<LrnPoolIndex>::max();
inline constexpr int kMaxLrnPoolWindow = kLrnPoolNowhere;  // elements

struct LrnPoolShape {
  LrnShape lrn;
  PoolShape pool;            // pool.in is lrn.tensor
  bool relu_input = false;   // x is the output of a ReLU, and dx is the gradient of that ReLU's input
  bool relu_output = false;  // y = max(y, 0), and the backward pass stops where the maximum is not above 0
};

// On every backend: y and dx overwrite; y must not be x, nor dx dy. where: one index for each element of y,
// for the backward pass; null if there will be none.
namespace cpu {

// Whether the CPU has one pass for this shape: channels in runs of kLanes (kernels/lanes.h), normalised over
// 3 or 5, and pooling windows whose elements an index can count.
[[nodiscard]] bool lrn_pool_serves(const LrnPoolShape& shape);
// Elements of scratch that one thread needs for the forward pass.
[[nodiscard]] std::int64_t lrn_pool_scratch(const LrnPoolShape& shape);

// scratch: lrn_pool_scratch(shape) elements for each OpenMP thread.
template <typename T>
void lrn_pool_forward(const LrnPoolShape& shape, const T* x, T* y, LrnPoolIndex* where, std::span<T> scratch);
template <typename T>
void lrn_pool_backward(const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where, const T* dy, T* dx);

}  // namespace cpu
namespace cuda {

class Stream;

// Whether a GPU has one pass for this shape: a few rows of it must fit into a block's shared memory, of which
// the device has `shared_bytes` (DeviceInfo::shared_bytes_per_block), and an index must be able to count the
// elements of a window.
[[nodiscard]] bool lrn_pool_fits(const LrnPoolShape& shape, Element element, std::uint64_t shared_bytes);
// See kernels/cuda/batch.h.
template <typename T>
void lrn_pool_forward(const Stream& stream, const LrnPoolShape& shape, const T* x, T* y, LrnPoolIndex* where);
template <typename T>
void lrn_pool_backward(const Stream& stream, const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where,
                       const T* dy, T* dx);

}  // namespace cuda
}  // namespace convoy
