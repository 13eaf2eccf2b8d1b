#include <cmath>
#include <limits>

#include "kernels/cuda/batch.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/vector.cuh"
#include "kernels/softmax.h"

namespace convoy::cuda {
namespace {

// One warp per image: with AlexNet's classes, each lane has up to 32.
constexpr int kWarpsPerBlock = 4;
constexpr int kSoftmaxThreads = kWarpsPerBlock * kWarpLanes;

// The image of this warp; the same in all lanes, and perhaps past the last image.
__device__ inline int image_of_warp() {
  return static_cast<int>(blockIdx.x) * kWarpsPerBlock + static_cast<int>(threadIdx.x) / kWarpLanes;
}
__device__ inline int lane() { return static_cast<int>(threadIdx.x) % kWarpLanes; }

// The largest score, and the sum of exp(score - largest). A NaN among the scores makes the sum a NaN.
struct Normalizer {
  float largest;
  float sum;
};
template <typename Score>
__device__ inline Normalizer normalizer_of(int classes, const Score* scores) {
  float largest = -std::numeric_limits<float>::infinity();
  for (int c = lane(); c < classes; c += kWarpLanes) {
    const float score = to_float(scores[c]);
    largest = score > largest ? score : largest;
  }
  largest = warp_max(largest);
  float sum = 0.0F;
  for (int c = lane(); c < classes; c += kWarpLanes) sum += std::exp(to_float(scores[c]) - largest);
  return {largest, warp_sum(sum)};
}

template <typename Score>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_forward_kernel(SoftmaxShape shape, int images, const Score* scores, float* probabilities) {
  const int n = image_of_warp();
  if (n >= images) return;
  const Score* const z = scores + n * shape.stride;
  const Normalizer k = normalizer_of(shape.classes, z);
  float* const p = probabilities + std::int64_t{n} * shape.classes;
  for (int c = lane(); c < shape.classes; c += kWarpLanes) {
    p[c] = std::exp(to_float(z[c]) - k.largest) / k.sum;
  }
}

// rank_of_label, by a warp.
template <typename Score>
__device__ inline std::int32_t rank_of(int classes, const Score* z, std::int32_t label) {
  const float own = to_float(z[label]);
  int better = 0;
  for (int c = lane(); c < classes; c += kWarpLanes) {
    const float score = to_float(z[c]);
    better += score > own || std::isnan(score) || (score == own && c < label) ? 1 : 0;
  }
  better = warp_sum(better);
  return std::isnan(own) ? classes : better;
}

template <typename Score, typename T>
__device__ inline void write_gradient(const SoftmaxShape& shape, const Normalizer& k, std::int32_t label,
                                      float factor, const Score* z, T* dz) {
  for (int c = lane(); c < shape.stride; c += kWarpLanes) {
    float gradient = 0.0F;
    if (c < shape.classes) {
      const float p = std::exp(to_float(z[c]) - k.largest) / k.sum;
      gradient = (p - (c == label ? 1.0F : 0.0F)) * factor;
    }
    dz[c] = to_element<T>(gradient);
  }
}

template <typename Score, typename T>
__global__ void __launch_bounds__(kSoftmaxThreads)
    softmax_loss_kernel(SoftmaxShape shape, int images, const BatchHeader* header, const std::int32_t* labels,
                        const Score* scores, ImageLoss* losses, T* dscores) {
  const int n = image_of_warp();
  if (n >= images) return;
  const int batch_images = header->images;
  T* const dz = dscores == nullptr ? nullptr : dscores + n * shape.stride;
  if (n >= batch_images) {
    if (dz != nullptr) {
      for (int c = lane(); c < shape.stride; c += kWarpLanes) dz[c] = T{};
    }
    return;
  }
  const Score* const z = scores + n * shape.stride;
  const std::int32_t label = labels[n];
  const Normalizer k = normalizer_of(shape.classes, z);
  const std::int32_t rank = rank_of(shape.classes, z, label);
  const float own = to_float(z[label]);
  if (lane() == 0) losses[n] = {std::log(k.sum) + (k.largest - own), rank};
  if (dz != nullptr) write_gradient(shape, k, label, 1.0F / static_cast<float>(header->divisor), z, dz);
}

unsigned blocks_of(int images) {
  return static_cast<unsigned>((images + kWarpsPerBlock - 1) / kWarpsPerBlock);
}

}  // namespace

template <typename Score>
void softmax_forward(const Stream& stream, const SoftmaxShape& shape, int images, const Score* scores,
                     float* probabilities) {
  launch(softmax_forward_kernel<Score>, blocks_of(images), kSoftmaxThreads, 0, stream, shape, images, scores,
         probabilities);
}
template <typename Score, typename T>
void softmax_loss(const Stream& stream, const SoftmaxShape& shape, int images, const BatchHeader* header,
                  const std::int32_t* labels, const Score* scores, ImageLoss* losses, T* dscores) {
  launch(softmax_loss_kernel<Score, T>, blocks_of(images), kSoftmaxThreads, 0, stream, shape, images, header,
         labels, scores, losses, dscores);
}

template void softmax_forward<float>(const Stream&, const SoftmaxShape&, int, const float*, float*);
template void softmax_forward<Bf16>(const Stream&, const SoftmaxShape&, int, const Bf16*, float*);
template void softmax_loss<float, float>(const Stream&, const SoftmaxShape&, int, const BatchHeader*,
                                         const std::int32_t*, const float*, ImageLoss*, float*);
template void softmax_loss<float, Bf16>(const Stream&, const SoftmaxShape&, int, const BatchHeader*,
                                        const std::int32_t*, const float*, ImageLoss*, Bf16*);
template void softmax_loss<Bf16, Bf16>(const Stream&, const SoftmaxShape&, int, const BatchHeader*,
                                       const std::int32_t*, const Bf16*, ImageLoss*, Bf16*);

}  // namespace convoy::cuda
