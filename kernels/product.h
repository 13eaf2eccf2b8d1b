// What conv, local and fc, the operations with weights, have in common on a CPU: each is made for a shape.
#pragma once

#include <algorithm>
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
  bool train = false;              // backward passes will run
  bool input_gradient = true;      // backward_data will run
  bool relu = false;               // forward: dst = max(dst, 0), which may make 0 of a NaN
  bool f32_output = false;         // dst in float whatever `element` is: the scores before a softmax
  std::optional<int> src_block;    // the producer's layout; nothing to let the product choose
};

// The weights of a product, in the caller's buffers. `master` holds floats in the layout of the weight
// gradient. `forward` and `backward` are what the passes read: copies with another layout or type, which
// refresh() keeps up to date, or the master itself.
struct ProductWeights {
  float* master = nullptr;
  void* forward = nullptr;   // == master if forward_bytes() is 0
  void* backward = nullptr;  // == forward if backward_bytes() is 0
  const float* bias = nullptr;
};

// A convolution, locally or fully connected layer with its layouts chosen. Padding channels (TensorShape) and
// padding weights stay zero. After construction only pack and unpack allocate memory. Calls must not overlap.
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
  // Memory that each pass needs; nothing in it is kept between calls.
  [[nodiscard]] virtual std::size_t scratch_bytes() const = 0;

  // Between the canonical layout (PyTorch's: [out][in / groups][kh][kw], [out][in] with `in` in C,H,W order;
  // kernels/local.h has its own) and the master's: exact permutations.
  virtual void pack(std::span<const float> canonical, float* master) const = 0;
  virtual void unpack(const float* master, std::span<float> canonical) const = 0;
  // The same for the bias, which is one value per output channel unless the operation says otherwise.
  virtual void pack_bias(std::span<const float> canonical, float* bias) const {
    std::ranges::copy(canonical, bias);
  }
  virtual void unpack_bias(const float* bias, std::span<float> canonical) const {
    std::copy_n(bias, canonical.size(), canonical.begin());
  }
  // Makes the copies again from the master.
  virtual void refresh(const ProductWeights& weights) = 0;

  // dst = weights * src + bias, then the ReLU if there is one; overwrites.
  virtual void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) = 0;
  // The gradients of weights (laid out as the master) and bias, from src and the gradient of dst before the
  // ReLU; overwrites.
  virtual void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                                void* scratch) = 0;
  // The gradient of src; overwrites. relu_output: null; or src, if that is the output of a ReLU, and then
  // diff_src is the gradient of that ReLU's input: zero where src is not positive.
  virtual void backward_data(const void* diff_dst, const ProductWeights& weights, const void* relu_output,
                             void* diff_src, void* scratch) = 0;

  // Reorders of activations, or of their gradients, that the passes make because layouts do not fit; should
  // be 0.
  [[nodiscard]] virtual int activation_reorders() const = 0;
  // One line for each primitive: "forward jit:avx512_core src=nChw16c ...".
  [[nodiscard]] virtual std::vector<std::string> describe() const = 0;
};

}  // namespace convoy::cpu
