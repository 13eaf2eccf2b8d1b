// What the layers of every backend have in common.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/net.h"
#include "kernels/conv.h"
#include "kernels/dropout.h"
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
};

// The ReLU protocol. A ReLU has no backward pass, which saves one over its gradient:
//  - A ReLU after a layer of a kind that takes_relu() runs at the end of that layer's forward pass
//    (LayerOptions::relu). Any other is a layer whose backward pass does nothing.
//  - A layer whose input is a ReLU's output (LayerOptions::relu_input) sets dx to zero where x is not
//    positive, so that its dx is the gradient of the ReLU's input. If the softmax follows a ReLU, the
//    gradient of the scores is treated in the same way (LayerPlan::relu_scores).
//  - So dy is the gradient of a layer's output before the ReLU, and the backward pass ignores
//    LayerOptions::relu.
// Kernels name the two sides `relu` or `relu_output` (forward) and `relu_input` (backward; some take x, or
// nullptr if x is no ReLU's output).

// Whether a ReLU after a layer of this kind runs as part of it.
[[nodiscard]] bool takes_relu(const LayerKind& kind);

// What a plan has to know of a layer with input x, output y, and their gradients dx and dy.
struct LayerFacts {
  TensorShape in;
  TensorShape out;
  bool in_place = false;           // y may be x; the backward pass still finds what it reads
  bool gradient_in_place = false;  // dx may be dy
  bool reads_x = false;            // in the backward pass
  bool reads_y = false;            // likewise
  bool marks = false;       // the forward pass notes for each element of y what it chose (maxima, dropout)
  bool f32_output = false;  // y is float whatever LayerOptions::element is
  std::size_t scratch_bytes = 0;  // for one pass; shared between layers
};

// The facts of a layer on any backend, except those that a backend decides: the layouts of layers with
// parameters, and scratch memory. Throws as pool_shape() does.
[[nodiscard]] LayerFacts layer_facts(const LayerSpec& layer, const LayerOptions& options);
[[nodiscard]] LayerFacts lrn_pool_facts(const LrnPoolShape& shape);

// One step of a plan: a layer, perhaps with those that follow it. The plan owns x, y, dx and dy.
class Layer {
 public:
  explicit Layer(const LayerFacts& facts) : facts_(facts) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  Layer(Layer&&) = delete;
  Layer& operator=(Layer&&) = delete;
  virtual ~Layer() = default;

  [[nodiscard]] const LayerFacts& facts() const { return facts_; }
  // A line for each primitive: its pass and how it is computed.
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;

 private:
  LayerFacts facts_;
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
// Throws Error(layer.name, ...) if the window has more elements than an index can tell.
[[nodiscard]] PoolShape pool_shape(const LayerSpec& layer, const PoolSpec& spec, const TensorShape& in);
// Of normalisation and the max-pooling after it; nothing if the layers are not these two.
[[nodiscard]] std::optional<LrnPoolShape> lrn_pool_shape(const LayerSpec& first, const LayerSpec& second,
                                                         const LayerOptions& options);
[[nodiscard]] DropoutShape dropout_shape(const DropoutSpec& spec, const LayerOptions& options);
// What dropout multiplies activations by when dropout is off.
[[nodiscard]] float dropout_test_factor(const DropoutSpec& spec);

}  // namespace convoy
