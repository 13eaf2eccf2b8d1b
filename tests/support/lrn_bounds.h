// Shapes of lrn for the tests of both backends, and what its results may err by.
#pragma once

#include <cmath>

#include "kernels/lrn.h"
#include "tests/support/tensors.h"

namespace convoy {

[[nodiscard]] inline LrnShape lrn_shape_of(const LrnSpec& spec, const TensorShape& tensor) {
  return {tensor, spec.size, static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / spec.size : spec.alpha), static_cast<float>(spec.beta)};
}

// Of the CPU's results, relative to their magnitude: s is a sum of at most size + 1 non-negative terms, of
// constants that are rounded: relative error (size + 4) u. A power of at most 2 in magnitude adds twice that;
// s^-1/4 is within 2 u, so that its third power is within 8 and its fourth, 1 / s, within 10; the products
// add a few u more. The backward sum has 2 * size such terms; magnitudes stand in for cancellation.
template <typename T>
[[nodiscard]] double lrn_error(const LrnSpec& spec) {
  return (2 * (spec.size + 4) + 26) * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
}

// What the terms of dx add up to without signs. With magnitudes for x and dy the result is |dy| s^-beta less
// the positive sum, so that the two together are twice |dy| s^-beta less it; and s^-beta <= k^-beta.
[[nodiscard]] inline reference::Values lrn_gradient_magnitude(const LrnSpec& spec, const reference::Tensor& x,
                                                              const reference::Tensor& dy) {
  reference::Values size =
      reference::lrn_backward(spec, reference::magnitudes(x), reference::magnitudes(dy)).v;
  const double power = std::pow(spec.k, -spec.beta);
  for (std::size_t i = 0; i < size.size(); ++i) size[i] = 2.0 * std::abs(dy.v[i]) * power - size[i];
  return size;
}

}  // namespace convoy
