// What conv and fc have in common on a CPU: the operations with weights, compiled once for a shape.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/element.h"
#include "kernels/tensor_shape.h"

namespace convoy::cpu {

struct ProductOptions {
  Element element = Element::f32;  // of activations and of the weights that the products read
  bool train = false;              // backward passes wanted
  bool input_gradient = true;      // backward_data wanted
  bool relu = false;               // forward: dst = max(dst, 0), which may make 0 of a NaN
  bool f32_output = false;         // dst in float whatever `element` is: the scores before a softmax
  std::optional<int> src_block;    // the producer's layout; nothing: the product's choice
};

// The weights of a product, in buffers of the caller. `master` holds floats in the layout in which the weight
// gradient is written. `forward` and `backward` are what the passes read: copies of other layout or type,
// kept up to date by refresh(), or the master itself.
struct ProductWeights {
  float* master = nullptr;
  void* forward = nullptr;   // == master where forward_bytes() is 0
  void* backward = nullptr;  // == forward where backward_bytes() is 0
  const float* bias = nullptr;
};

// A convolution or fully-connected layer with its layouts chosen. Filled-up channels (TensorShape) and
// filled-up weights stay zero. Nothing is allocated after construction but in pack and unpack. One call at
// a time.
class Product {
 public:
  Product() = default;
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;
  Product(Product&&) = delete;
  Product& operator=(Product&&) = delete;
  virtual ~Product() = default;

  [[nodiscard]] virtual const TensorShape& src() const = 0;
  [[nodiscard]] virtual const TensorShape& dst() const = 0;
  [[nodiscard]] virtual std::size_t master_elements() const = 0;
  [[nodiscard]] virtual std::size_t forward_bytes() const = 0;
  [[nodiscard]] virtual std::size_t backward_bytes() const = 0;
  [[nodiscard]] virtual std::size_t bias_elements() const = 0;
  // What the passes need besides; contents are of no interest between calls.
  [[nodiscard]] virtual std::size_t scratch_bytes() const = 0;

  // Between the canonical layout (PyTorch's: [out][in / groups][kh][kw], [out][in] with `in` in C,H,W order)
  // and the master's: exact permutations.
  virtual void pack(std::span<const float> canonical, float* master) const = 0;
  virtual void unpack(const float* master, std::span<float> canonical) const = 0;
  // Writes the copies anew from the master.
  virtual void refresh(const ProductWeights& weights) = 0;

  // dst = weights * src + bias, then the ReLU where wanted; overwrites.
  virtual void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) = 0;
  // The gradients of weights (as the master) and bias from src and the gradient of dst before the
  // ReLU; overwrites.
  virtual void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                                void* scratch) = 0;
  // The gradient of src; overwrites. relu_output: nullptr, or src where that is the output of a ReLU; then
  // diff_src is the gradient of that ReLU's input: zero where src is not positive.
  virtual void backward_data(const void* diff_dst, const ProductWeights& weights, const void* relu_output,
                             void* diff_src, void* scratch) = 0;

  // Reorders of activations or of their gradients that the passes make because layouts do not fit: 0 is what
  // is wanted.
  [[nodiscard]] virtual int activation_reorders() const = 0;
  // One line a primitive: "forward jit:avx512_core src=nChw16c ...".
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;
};

}  // namespace convoy::cpu
