// softmax with cross-entropy: p[c] = exp(z[c]) / sum of exp(z);  loss = -ln p[label];
// dz[c] = (p[c] - (c == label)) / images.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/bf16.h"

namespace convoy {

struct SoftmaxShape {
  int classes = 0;
  std::int64_t stride = 0;  // elements between the scores of an image and the next, at least `classes`
};

namespace cpu {

// probabilities: [images][classes], overwritten.
template <typename T>
void softmax_forward(const SoftmaxShape& shape, int images, const T* scores, float* probabilities);
// losses[i] = -ln p[label[i]], from the scores: finite where the probability has underflowed.
template <typename T>
void softmax_losses(const SoftmaxShape& shape, const T* scores, std::span<const std::int32_t> labels,
                    double* losses);
// The gradient of the mean loss over labels.size() images; `capacity` images of `stride` elements are
// overwritten, with zeros where there is no image and between the classes and the stride.
template <typename T>
void softmax_backward(const SoftmaxShape& shape, int capacity, const float* probabilities,
                      std::span<const std::int32_t> labels, T* dscores);

}  // namespace cpu
}  // namespace convoy
