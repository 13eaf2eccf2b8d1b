#include <algorithm>
#include <cmath>

#include "kernels/softmax.h"

namespace convoy::cpu {
namespace {

// The largest score, and the sum of exp(score - largest).
struct Normalizer {
  double largest = 0.0;
  double sum = 0.0;
};

template <typename T>
Normalizer normalizer_of(int classes, const T* scores) {
  float largest = to_float(scores[0]);
  for (int c = 1; c < classes; ++c) largest = std::max(largest, to_float(scores[c]));
  double sum = 0.0;
  for (int c = 0; c < classes; ++c) sum += std::exp(double{to_float(scores[c])} - largest);
  return {largest, sum};
}

}  // namespace

template <typename T>
void softmax_forward(const SoftmaxShape& shape, int images, const T* scores, float* probabilities) {
#pragma omp parallel for schedule(static)
  for (int n = 0; n < images; ++n) {
    const T* const z = scores + n * shape.stride;
    float* const p = probabilities + std::int64_t{n} * shape.classes;
    const Normalizer k = normalizer_of(shape.classes, z);
    for (int c = 0; c < shape.classes; ++c) {
      p[c] = static_cast<float>(std::exp(double{to_float(z[c])} - k.largest) / k.sum);
    }
  }
}

template <typename T>
void softmax_losses(const SoftmaxShape& shape, const T* scores, std::span<const std::int32_t> labels,
                    double* losses) {
  const auto images = static_cast<std::int64_t>(labels.size());
#pragma omp parallel for schedule(static)
  for (std::int64_t n = 0; n < images; ++n) {
    const T* const z = scores + n * shape.stride;
    const Normalizer k = normalizer_of(shape.classes, z);
    losses[n] = std::log(k.sum) + k.largest - to_float(z[labels[static_cast<std::size_t>(n)]]);
  }
}

template <typename T>
void softmax_backward(const SoftmaxShape& shape, int capacity, const float* probabilities,
                      std::span<const std::int32_t> labels, int images, T* dscores) {
  const float factor = 1.0F / static_cast<float>(std::max(images, 1));
  const auto labelled = static_cast<int>(labels.size());
#pragma omp parallel for schedule(static)
  for (int n = 0; n < capacity; ++n) {
    T* const dz = dscores + n * shape.stride;
    std::fill_n(dz, shape.stride, T{});
    if (n >= labelled) continue;
    const std::int32_t label = labels[static_cast<std::size_t>(n)];
    const float* const p = probabilities + std::int64_t{n} * shape.classes;
    for (int c = 0; c < shape.classes; ++c) {
      dz[c] = from_float<T>((p[c] - (c == label ? 1.0F : 0.0F)) * factor);
    }
  }
}

template void softmax_forward<float>(const SoftmaxShape&, int, const float*, float*);
template void softmax_forward<Bf16>(const SoftmaxShape&, int, const Bf16*, float*);
template void softmax_losses<float>(const SoftmaxShape&, const float*, std::span<const std::int32_t>,
                                    double*);
template void softmax_losses<Bf16>(const SoftmaxShape&, const Bf16*, std::span<const std::int32_t>, double*);
template void softmax_backward<float>(const SoftmaxShape&, int, const float*, std::span<const std::int32_t>,
                                      int, float*);
template void softmax_backward<Bf16>(const SoftmaxShape&, int, const float*, std::span<const std::int32_t>,
                                     int, Bf16*);

}  // namespace convoy::cpu

namespace convoy {

int rank_of_label(std::span<const float> scores, std::int32_t label) {
  const auto own = static_cast<std::size_t>(label);
  const float score = scores[own];
  if (std::isnan(score)) return static_cast<int>(scores.size());
  int rank = 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    const bool ahead = scores[c] > score || std::isnan(scores[c]) || (scores[c] == score && c < own);
    rank += ahead ? 1 : 0;
  }
  return rank;
}

}  // namespace convoy
