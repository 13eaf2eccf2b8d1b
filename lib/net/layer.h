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
#include "kernels/lrn_map.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/tensor_shape.h"

namespace convoy {

// What a layer needs to know about the net around it.
struct LayerOptions {
  TensorShape in;      // of the whole batch
  bool first = false;  // no layer is before it
  bool train = false;
  int gradient_sums = 0;        // that are kept while the parts of a batch are added up
  bool input_gradient = false;  // an earlier layer may learn
  bool relu_input = false;      // the input is a ReLU's output
  bool relu = false;            // a ReLU follows and runs as part of this layer
  bool scores = false;          // a softmax follows
  Element element = Element::f32;
  std::uint64_t seed = 1;           // of dropout masks
  std::uint32_t dropout_layer = 0;  // dropout layers before this one
};

// The ReLU protocol. A ReLU has no backward pass of its own, which saves a pass over its gradient:
//  - Forward: a ReLU after a layer whose kind takes_relu() is computed by that layer (LayerOptions::relu):
//    y = max(y, 0). Any other ReLU is a layer of the plan, whose backward pass does nothing.
//  - Backward: a layer whose input is a ReLU's output (LayerOptions::relu_input) sets dx to zero where x is
//    not positive, so that dx is the gradient of the ReLU's input. After a ReLU, the softmax does the same to
//    the gradient of the scores (LayerPlan::relu_scores).
//  - So dy is always the gradient of the input of the ReLU after the layer, and LayerOptions::relu does not
//    matter to any backward pass.
// In the kernels' headers `relu` and `relu_output` are the forward side, `relu_input` is the backward side;
// some take x instead, and nullptr if x is not a ReLU's output.

// Whether a ReLU after a layer of this kind runs as part of it.
[[nodiscard]] bool takes_relu(const LayerKind& kind);

// What a plan needs to know about a layer with input x, output y, and their gradients dx and dy.
struct LayerFacts {
  TensorShape in;
  TensorShape out;
  bool in_place = false;           // y may be x, and the backward pass still finds what it reads
  bool gradient_in_place = false;  // dx may be dy
  bool reads_x = false;            // the backward pass reads x
  bool reads_y = false;            // the backward pass reads y
  bool marks = false;       // it also reads a saved index or mask per element of y (max-pooling, dropout)
  bool f32_output = false;  // y is float whatever LayerOptions::element is
  std::size_t scratch_bytes = 0;  // scratch memory for one pass; shared between layers
};

// The facts that are the same on every backend. A backend adds what it decides itself: the layouts of layers
// with parameters, and scratch memory. Throws as pool_shape() does.
[[nodiscard]] LayerFacts layer_facts(const LayerSpec& layer, const LayerOptions& options);
[[nodiscard]] LayerFacts lrn_pool_facts(const LrnPoolShape& shape);

// One step of a plan: a layer of the net, or several that run as one. The plan owns x, y, dx and dy.
class Layer {
 public:
  explicit Layer(const LayerFacts& facts) : facts_(facts) {}
  Layer(const Layer&) = delete;
  Layer& operator=(const Layer&) = delete;
  Layer(Layer&&) = delete;
  Layer& operator=(Layer&&) = delete;
  virtual ~Layer() = default;

  [[nodiscard]] const LayerFacts& facts() const { return facts_; }
  // One line per primitive: its pass and how it is computed.
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;

 private:
  LayerFacts facts_;
};

// Activations with their type.
template <typename T>
[[nodiscard]] const T* in_type(const void* data) {
  return static_cast<const T*>(data);
}
template <typename T>
[[nodiscard]] T* in_type(void* data) {
  return static_cast<T*>(data);
}

// Shapes for the kernels. in: of the batch, in the layout that the kernel reads.
[[nodiscard]] ConvShape conv_shape(const LayerSpec& layer, const FilterSpec& spec, int images);
[[nodiscard]] LrnShape lrn_shape(const LrnSpec& spec, const TensorShape& in);
[[nodiscard]] LrnMapShape lrn_map_shape(const LrnMapSpec& spec, const TensorShape& in);
// Throws Error(layer.name, ...) if the window has more elements than a PoolIndex can number.
[[nodiscard]] PoolShape pool_shape(const LayerSpec& layer, const PoolSpec& spec, const TensorShape& in);
// For normalisation and the max-pooling after it; nullopt if the layers are not these two.
[[nodiscard]] std::optional<LrnPoolShape> lrn_pool_shape(const LayerSpec& first, const LayerSpec& second,
                                                         const LayerOptions& options);
[[nodiscard]] DropoutShape dropout_shape(const DropoutSpec& spec, const LayerOptions& options);
// The factor of all activations while dropout is off.
[[nodiscard]] float dropout_test_factor(const DropoutSpec& spec);

}  // namespace convoy
