// dropout: in training each activation is kept (times `scale`) or set to zero, independently.
//   y = m * scale * x;  dx = m * scale * dy
// The mask m of an element is a function of seed, epoch, record, dropout layer and the element's index in
// C,H,W order alone: the same on every backend, in every layout, for every batch.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/tensor_shape.h"
#include "lib/base/bf16.h"
#include "lib/base/host_device.h"
#include "lib/base/philox.h"

namespace convoy {

struct DropoutShape {
  TensorShape tensor;
  float drop = 0.5F;        // probability of zero
  float scale = 1.0F;       // of kept activations in training: 1 / (1 - drop), or 1 if the net scales at test
  std::uint64_t seed = 1;   // of the run
  std::uint32_t layer = 0;  // number of this layer among the net's dropout layers
};

// The stream of an image's words, one for each element.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr PhiloxStream dropout_stream(const DropoutShape& shape,
                                                                       std::uint64_t record,
                                                                       std::uint32_t epoch) {
  return {shape.seed, epoch, record, Purpose::dropout, shape.layer};
}
// Whether an element with this word is kept.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr bool dropout_keeps(std::uint32_t word, float drop) {
  return uniform_float(word) >= drop;
}

namespace cpu {

// Draws the masks of records.size() images into `mask` (1 kept, 0 not; laid out as the tensor); those of
// images that are missing are 0.
void dropout_mask(const DropoutShape& shape, std::span<const std::uint64_t> records,
                  std::span<const std::uint32_t> epochs, std::uint8_t* mask);
// y overwrites; it may be x.
template <typename T>
void dropout_forward(const DropoutShape& shape, const std::uint8_t* mask, const T* x, T* y);
// dx overwrites; it may be dy. x: null; or the output of a ReLU, and then dx is the gradient of the input of
// that ReLU.
template <typename T>
void dropout_backward(const DropoutShape& shape, const std::uint8_t* mask, const T* dy, const T* x, T* dx);
// y = factor * x, for the net at test; y may be x.
template <typename T>
void scale_activations(std::int64_t count, float factor, const T* x, T* y);

}  // namespace cpu
namespace cuda {

class Stream;
struct BatchHeader;

// In device memory; a record and an epoch for each image.
struct DropoutBatch {
  const BatchHeader* header = nullptr;
  const std::uint64_t* records = nullptr;
  const std::uint32_t* epochs = nullptr;
};
// On a GPU (kernels/cuda/batch.h) each pass computes the masks itself, and nothing stores them; images that
// are missing from the batch become zero. y may be x, and dx may be dy.
template <typename T>
void dropout_forward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* x,
                     T* y);
template <typename T>
void dropout_backward(const Stream& stream, const DropoutShape& shape, const DropoutBatch& batch, const T* dy,
                      T* dx);
// Backward through dropout and the ReLU before it: y, the output of the dropout, is positive exactly where
// the ReLU passed and the mask kept. count, here and below: a multiple of kChannelAlignment.
template <typename T>
void relu_dropout_backward(const Stream& stream, std::int64_t count, float scale, const T* y, const T* dy,
                           T* dx);
template <typename T>
void scale_activations(const Stream& stream, std::int64_t count, float factor, const T* x, T* y);

}  // namespace cuda
}  // namespace convoy
