// softmax with cross-entropy: p[c] = exp(z[c]) / sum of exp(z);  loss = -ln p[label];
// dz[c] = (p[c] - (c == label)) / images, where `images` are those of the batch, or of the whole batch that
// it is a part of.
#pragma once

#include <cstdint>
#include <span>

#include "lib/base/bf16.h"

namespace convoy {

struct SoftmaxShape {
  int classes = 0;
  std::int64_t stride = 0;  // elements from the scores of one image to the next, at least `classes`
};

// The label's rank among one image's class scores, which may be probabilities or logits: the number of
// classes with a higher score, or with an equal score and a smaller index, so that ties never help. A NaN
// counts against the label.
[[nodiscard]] int rank_of_label(std::span<const float> scores, std::int32_t label);

namespace cpu {

// probabilities: [images][classes], overwritten.
template <typename T>
void softmax_forward(const SoftmaxShape& shape, int images, const T* scores, float* probabilities);
// losses[i] = -ln p[label[i]], from the scores: finite even if the probability has underflowed.
template <typename T>
void softmax_losses(const SoftmaxShape& shape, const T* scores, std::span<const std::int32_t> labels,
                    double* losses);
// The gradient of the sum of the losses divided by `images`. Overwrites `capacity` images of `stride`
// elements, with zeros for images that are missing and between the classes and the stride.
template <typename T>
void softmax_backward(const SoftmaxShape& shape, int capacity, const float* probabilities,
                      std::span<const std::int32_t> labels, int images, T* dscores);

}  // namespace cpu
namespace cuda {

class Stream;
struct BatchHeader;

// The result of one image.
struct ImageLoss {
  float loss = 0.0F;      // -ln p[label], from the scores
  std::int32_t rank = 0;  // rank_of_label
};
// On a GPU (kernels/cuda/batch.h). probabilities: [images][classes], all overwritten.
template <typename Score>
void softmax_forward(const Stream& stream, const SoftmaxShape& shape, int images, const Score* scores,
                     float* probabilities);
// losses: those of the header->images images of the batch. dscores: null, or the gradient of the sum of their
// losses divided by header->divisor; `images` times `stride` elements are overwritten, with zeros for images
// that are missing and between the classes and the stride.
template <typename Score, typename T>
void softmax_loss(const Stream& stream, const SoftmaxShape& shape, int images, const BatchHeader* header,
                  const std::int32_t* labels, const Score* scores, ImageLoss* losses, T* dscores);

}  // namespace cuda
}  // namespace convoy
