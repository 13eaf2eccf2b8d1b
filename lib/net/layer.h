// What the layers of every backend have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/conv.h"
#include "kernels/element.h"
#include "kernels/lrn.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/tensor_shape.h"

namespace convoy {

// What a layer is told of the net around it.
struct LayerOptions {
  TensorShape in;
  bool first = false;  // nothing stands before the layer
  bool train = false;
  bool input_gradient = false;  // a layer before has parameters
  bool relu_input = false;      // the input is a ReLU's output
  bool relu = false;            // a ReLU follows and runs as part of this layer
  bool scores = false;          // a softmax follows
  Element element = Element::f32;
  std::uint64_t seed = 1;           // of dropout masks
  std::uint32_t dropout_layer = 0;  // dropout layers before this one
  std::uint64_t shared_bytes = 0;   // that a block of the GPU has at most; nothing to the CPU
};

// One step of a plan: a layer, perhaps with those that follow it. x and y are its input and output, dx and dy
// the gradients of the loss; the plan owns them.
//
// A ReLU has no backward pass of its own: dy is the gradient of what the ReLU gets, and the layer that reads
// a ReLU's output sets dx to zero where x is not positive (LayerOptions::relu_input).
class Layer {
 public:
  Layer() = default;
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  Layer(Layer&&) = delete;
  Layer& operator=(Layer&&) = delete;
  virtual ~Layer() = default;

  [[nodiscard]] virtual TensorShape in() const = 0;
  [[nodiscard]] virtual TensorShape out() const = 0;
  [[nodiscard]] virtual bool f32_output() const { return false; }
  // Whether y may be x (and whether the layer then still finds what its own backward pass reads).
  [[nodiscard]] virtual bool in_place() const { return false; }
  // Whether dx may be dy.
  [[nodiscard]] virtual bool gradient_in_place() const { return in_place(); }
  [[nodiscard]] virtual bool backward_reads_input() const = 0;
  [[nodiscard]] virtual bool backward_reads_output() const { return false; }
  // Of memory that it needs during a pass, and shares with other layers.
  [[nodiscard]] virtual std::size_t scratch_bytes() const { return 0; }
  // A line for each primitive: its pass and how it is computed.
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;
};

// The activations that a pass is given, by their type.
template <typename T>
[[nodiscard]] const T* in_type(const void* data) {
  return static_cast<const T*>(data);
}
template <typename T>
[[nodiscard]] T* in_type(void* data) {
  return static_cast<T*>(data);
}

// What the kernels are told of a layer. in: of the batch, in the layout that the kernels get.
[[nodiscard]] ConvShape conv_shape(const LayerSpec& layer, const ConvSpec& spec, int images);
[[nodiscard]] LrnShape lrn_shape(const LrnSpec& spec, const TensorShape& in);
// Throws Error(layer.name, ...) where the window has more elements than an index can tell.
[[nodiscard]] PoolShape pool_shape(const LayerSpec& layer, const PoolSpec& spec, const TensorShape& in);
// Of normalisation and the max-pooling after it; nothing where the layers are not these two.
[[nodiscard]] std::optional<LrnPoolShape> lrn_pool_shape(const LayerSpec& first, const LayerSpec& second,
                                                         const LayerOptions& options);

}  // namespace convoy
