// sgd: one step of stochastic gradient descent with momentum and weight decay, elementwise, in any layout.
//   v <- momentum * v - decay * w - rate * g;   w <- w + v
// (Krizhevsky, Sutskever, Hinton 2012, section 5: the learning rate is inside v.)
#pragma once

#include <cstdint>

#include "lib/base/host_device.h"

namespace convoy {

struct SgdCoefficients {
  float momentum = 0.9F;
  float decay = 0.0F;  // weight decay times learning rate, factors of the parameter included
  float rate = 0.0F;   // learning rate, factor of the parameter included
};

// The new momentum.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float sgd_momentum(const SgdCoefficients& k, float v, float w,
                                                              float g) {
  return k.momentum * v - k.decay * w - k.rate * g;
}

namespace cpu {

// w and v are updated in place; g, the mean gradient, is only read.
void sgd_update(const SgdCoefficients& coefficients, std::int64_t count, float* w, float* v, const float* g);

}  // namespace cpu
}  // namespace convoy
