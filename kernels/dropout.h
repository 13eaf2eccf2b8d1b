// dropout: in training each activation is kept (times `scale`) or set to zero, independently.
//   y = m * scale * x;  dx = m * scale * dy
// The mask m of an element is a function of seed, epoch, record, dropout layer and the element's index in
// C,H,W order alone: the same on every backend, in every layout, for every batch.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/bf16.h"
#include "kernels/tensor_shape.h"
#include "lib/base/host_device.h"
#include "lib/base/philox.h"

namespace convoy {

struct DropoutShape {
  TensorShape tensor;
  float drop = 0.5F;        // probability of zero
  float scale = 1.0F;       // of kept activations in training: 1 / (1 - drop), or 1 where the test scales
  std::uint64_t seed = 1;   // of the run
  std::uint32_t layer = 0;  // counts the net's dropout layers
};

// Whether word `index of the element` of the image's stream keeps the element.
[[nodiscard]] CONVOY_HOST_DEVICE constexpr bool dropout_keeps(std::uint32_t word, float drop) {
  return uniform_float(word) >= drop;
}
[[nodiscard]] CONVOY_HOST_DEVICE constexpr PhiloxStream dropout_stream(const DropoutShape& shape,
                                                                       std::uint64_t record,
                                                                       std::uint32_t epoch) {
  return {shape.seed, epoch, record, Purpose::dropout, shape.layer};
}

namespace cpu {

// Draws the masks of records.size() images into `mask` (1 kept, 0 not; laid out as the tensor); those of the
// other images are 0.
void dropout_mask(const DropoutShape& shape, std::span<const std::uint64_t> records,
                  std::span<const std::uint32_t> epochs, std::uint8_t* mask);
// y overwrites; it may be x.
template <typename T>
void dropout_forward(const DropoutShape& shape, const std::uint8_t* mask, const T* x, T* y);
// dx overwrites; it may be dy. x: nullptr, or where x is the output of a ReLU and dx shall be the gradient of
// that ReLU's input.
template <typename T>
void dropout_backward(const DropoutShape& shape, const std::uint8_t* mask, const T* dy, const T* x, T* dx);
// y = factor * x, for the net at test; y may be x.
template <typename T>
void scale_activations(std::int64_t count, float factor, const T* x, T* y);

}  // namespace cpu
}  // namespace convoy
