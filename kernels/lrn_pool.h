// lrn_pool: local response normalisation, then max-pooling, in one pass over the activations.
//   y = maxpool(lrn(x)), as lrn.h and pool.h define the two; the normalised values are rounded to the element
//   type before they are compared, as if they had been stored.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

#include "kernels/lrn.h"
#include "kernels/pool.h"

namespace convoy {

// Place of a maximum in its window: row * kernel_width + column.
using LrnPoolIndex = std::uint8_t;
inline constexpr LrnPoolIndex kLrnPoolNowhere = std::numeric_limits<LrnPoolIndex>::max();  // no gradient
inline constexpr int kMaxLrnPoolWindow = kLrnPoolNowhere;                                  // elements

struct LrnPoolShape {
  LrnShape lrn;
  PoolShape pool;  // pool.in is lrn.tensor
  // Of the backward pass: x is the output of a ReLU, and dx shall be the gradient of that ReLU's input.
  bool relu_input = false;
  // y = max(y, 0), and the backward pass stops where the maximum is not above 0.
  bool relu_output = false;
};

namespace cpu {

// Whether the CPU has one pass for this shape: channels in runs of cpu::kLanes, normalised over 3 or 5, and
// pooling windows that an index fits.
[[nodiscard]] bool lrn_pool_serves(const LrnPoolShape& shape);
// Elements of scratch that one thread needs for the forward pass.
[[nodiscard]] std::int64_t lrn_pool_scratch(const LrnPoolShape& shape);

// y overwrites. where: nullptr, or one index for each element of y, for the backward pass. scratch:
// lrn_pool_scratch(shape) elements for each OpenMP thread.
template <typename T>
void lrn_pool_forward(const LrnPoolShape& shape, const T* x, T* y, LrnPoolIndex* where, std::span<T> scratch);
// dx overwrites; it must not be dy.
template <typename T>
void lrn_pool_backward(const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where, const T* dy, T* dx);

}  // namespace cpu
}  // namespace convoy
