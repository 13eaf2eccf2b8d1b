// lars: layer-wise adaptive rates for SGD (You, Gitman, Ginsburg 2017, arXiv 1708.03888, equation 6). Each
// tensor takes the step of kernels/sgd.h with its rate times
//   lambda = trust * |w| / (|g| + decay * |w|)
// where |.| is the Euclidean norm over the whole tensor, before the step. So without momentum a step moves a
// tensor by at most trust * rate times its own length, however long its gradient is.
//
// If a norm is 0, or |g| is too small beside |w| to be divided by, lambda is `trust`: plain SGD with the rate
// times `trust`, so that a bias that starts at zero learns. (NVIDIA's Caffe has 1 there, which is a step of
// the whole rate, a thousand times as long.)
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/sgd.h"
#include "lib/base/host_device.h"

namespace convoy {

struct LarsRule {
  double trust = 0.001;
  double rate = 0.0;            // learning rate, the parameter's factor included
  double decay = 0.0;           // weight decay, the parameter's factor included, without the rate
  double gradient_scale = 1.0;  // times this, g is the mean gradient
  float momentum = 0.9F;
};

// Gradients that are shorter than this times the weights count as none: lambda could overflow a float.
inline constexpr double kLarsLeastGradient = 0x1p-100;

// The step of a tensor with these sums of the squares of its elements.
[[nodiscard]] CONVOY_HOST_DEVICE inline SgdCoefficients lars_coefficients(const LarsRule& rule,
                                                                          double w_squares,
                                                                          double g_squares) {
  const double w = sqrt(w_squares);
  const double g = rule.gradient_scale * sqrt(g_squares);
  const bool both = w > 0.0 && g > kLarsLeastGradient * w;
  const double rate = rule.rate * rule.trust * (both ? w / (g + rule.decay * w) : 1.0);
  SgdCoefficients step;
  step.momentum = rule.momentum;
  step.decay = static_cast<float>(rule.decay * rate);
  step.rate = static_cast<float>(rate * rule.gradient_scale);
  return step;
}

namespace cpu {

// The sum of the squares of `count` values, in double precision, in an order that depends on `count` only.
[[nodiscard]] double sum_of_squares(std::int64_t count, const float* x);
// The step of a tensor of `count` elements.
[[nodiscard]] SgdCoefficients lars_coefficients(const LarsRule& rule, std::int64_t count, const float* w,
                                                const float* g);

}  // namespace cpu
namespace cuda {

// One tensor of which one launch computes the step, and those of others besides.
struct LarsTensor {
  std::int64_t count = 0;
  const float* w = nullptr;
  const float* g = nullptr;
  const LarsRule* rule = nullptr;  // in device memory, as is what follows
  SgdCoefficients* step = nullptr;
};
struct LarsTensors {
  LarsTensor tensor[kMaxSgdTensors];  // NOLINT(modernize-avoid-c-arrays): a kernel argument
};
// Sums of the squares of a part of a tensor; without values of its own, for shared memory.
struct LarsSquares {
  double w;
  double g;
};
inline constexpr int kMaxLarsBlocks = 512;  // parts of a tensor
inline constexpr int kLarsScratch = kMaxSgdTensors * kMaxLarsBlocks;

// Computes the steps of the first `count` tensors, for sgd_update after it, on a GPU (kernels/cuda/batch.h).
// Sums are in double precision and in a fixed order. w and g reach to the next multiple of four elements.
// scratch: kLarsScratch elements.
void lars_coefficients(const Stream& stream, const LarsTensors& tensors, int count, LarsSquares* scratch);

}  // namespace cuda
}  // namespace convoy
