// sgd: one step of stochastic gradient descent with momentum and weight decay, elementwise, in any layout.
//   v <- momentum * v - decay * w - rate * g;   w <- w + v
// (Krizhevsky, Sutskever, Hinton 2012, section 5: the learning rate is inside v.)
#pragma once

#include <cstdint>

#include "lib/base/bf16.h"
#include "lib/base/host_device.h"

namespace convoy {

struct SgdCoefficients {
  float momentum = 0.9F;
  float decay = 0.0F;  // weight decay times learning rate, the parameter's factors included
  float rate = 0.0F;   // learning rate, the parameter's factor included
};

// The new momentum.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float sgd_momentum(const SgdCoefficients& k, float v, float w,
                                                              float g) {
  return k.momentum * v - k.decay * w - k.rate * g;
}

namespace cpu {

// Updates w and v in place; g, the mean gradient, is only read.
void sgd_update(const SgdCoefficients& coefficients, std::int64_t count, float* w, float* v, const float* g);

}  // namespace cpu
namespace cuda {

class Stream;

// One tensor of an update that one launch does for several.
struct SgdTensor {
  std::int64_t count = 0;
  float* w = nullptr;
  float* v = nullptr;
  const float* g = nullptr;
  Bf16* copy = nullptr;                           // of w, rounded; or null
  const SgdCoefficients* coefficients = nullptr;  // in device memory
};
inline constexpr int kMaxSgdTensors = 4;  // of one launch
struct SgdTensors {
  SgdTensor tensor[kMaxSgdTensors];  // NOLINT(modernize-avoid-c-arrays): a kernel argument
};
// Updates w, v and the copies of the first `count` tensors in place, on a GPU (kernels/cuda/batch.h). Buffers
// reach to the next multiple of four elements.
void sgd_update(const Stream& stream, const SgdTensors& tensors, int count);

}  // namespace cuda
}  // namespace convoy
