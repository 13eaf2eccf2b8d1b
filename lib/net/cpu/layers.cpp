#include "lib/net/cpu/layers.h"

#include <omp.h>

#include "kernels/conv.h"
#include "kernels/dropout.h"
#include "kernels/fc.h"
#include "kernels/lrn.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

std::string block_text(const TensorShape& shape) { return "block=" + std::to_string(shape.block); }

// conv and fc.
template <typename T>
class ProductLayer final : public CpuLayer {
 public:
  ProductLayer(std::unique_ptr<cpu::Product> product, const LayerOptions& options) : options_(options) {
    CpuParameters& p = parameters_;
    p.product = std::move(product);
    const std::size_t weights = p.product->master_elements() * sizeof(float);
    const std::size_t bias = p.product->bias_elements() * sizeof(float);
    p.master = CpuBuffer(weights);
    p.bias = CpuBuffer(bias);
    p.forward_copy = CpuBuffer(p.product->forward_bytes());
    p.backward_copy = CpuBuffer(p.product->backward_bytes());
    if (!options.train) return;
    p.momentum = CpuBuffer(weights);
    p.gradient = CpuBuffer(weights);
    p.bias_momentum = CpuBuffer(bias);
    p.bias_gradient = CpuBuffer(bias);
  }

  [[nodiscard]] TensorShape in() const override { return parameters_.product->src(); }
  [[nodiscard]] TensorShape out() const override { return parameters_.product->dst(); }
  [[nodiscard]] bool f32_output() const override { return options_.scores; }
  [[nodiscard]] bool backward_reads_input() const override { return true; }
  [[nodiscard]] std::size_t scratch_bytes() const override { return parameters_.product->scratch_bytes(); }
  [[nodiscard]] CpuParameters* parameters() override { return &parameters_; }
  [[nodiscard]] std::vector<std::string> describe() const override { return parameters_.product->describe(); }

  void forward(const CpuPass& pass, const void* x, void* y) override {
    parameters_.product->forward(x, parameters_.weights(), y, pass.scratch);
  }
  void backward(const CpuPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    cpu::Product& product = *parameters_.product;
    product.backward_weights(x, dy, parameters_.gradient.as<float>(), parameters_.bias_gradient.as<float>(),
                             pass.scratch);
    if (dx == nullptr) return;
    product.backward_data(dy, parameters_.weights(), options_.relu_input ? x : nullptr, dx, pass.scratch);
  }

 private:
  LayerOptions options_;
  CpuParameters parameters_;
};

template <typename T>
class ReluLayer final : public CpuLayer {
 public:
  explicit ReluLayer(const LayerOptions& options) : shape_(options.in) {}
  [[nodiscard]] TensorShape in() const override { return shape_; }
  [[nodiscard]] TensorShape out() const override { return shape_; }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return false; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(shape_)};
  }
  void forward(const CpuPass& /*pass*/, const void* x, void* y) override {
    cpu::relu_forward(shape_.elements(), in_type<T>(x), in_type<T>(y));
  }
  // The next layer has done it; dx is dy.
  void backward(const CpuPass& /*pass*/, const void* /*x*/, const void* /*y*/, const void* /*dy*/,
                void* /*dx*/) override {}

 private:
  TensorShape shape_;
};

template <typename T>
class TanhLayer final : public CpuLayer {
 public:
  explicit TanhLayer(const LayerOptions& options) : shape_(options.in), relu_input_(options.relu_input) {}
  [[nodiscard]] TensorShape in() const override { return shape_; }
  [[nodiscard]] TensorShape out() const override { return shape_; }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return false; }
  [[nodiscard]] bool backward_reads_output() const override { return true; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(shape_), "backward own " + block_text(shape_)};
  }
  void forward(const CpuPass& /*pass*/, const void* x, void* y) override {
    cpu::tanh_forward(shape_.elements(), in_type<T>(x), in_type<T>(y));
  }
  void backward(const CpuPass& /*pass*/, const void* /*x*/, const void* y, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    cpu::tanh_backward(shape_.elements(), in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    // tanh is positive where its input is.
    if (relu_input_) cpu::relu_backward(shape_.elements(), in_type<T>(y), in_type<T>(dx), in_type<T>(dx));
  }

 private:
  TensorShape shape_;
  bool relu_input_;
};

template <typename T>
class LrnLayer final : public CpuLayer {
 public:
  LrnLayer(const LrnSpec& spec, const LayerOptions& options)
      : shape_(lrn_shape(spec, options.in)), relu_input_(options.relu_input) {
    scratch_floats_ =
        static_cast<std::size_t>(cpu::lrn_scratch(shape_)) * static_cast<std::size_t>(omp_get_max_threads());
  }
  [[nodiscard]] TensorShape in() const override { return shape_.tensor; }
  [[nodiscard]] TensorShape out() const override { return shape_.tensor; }
  [[nodiscard]] bool gradient_in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return true; }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_floats_ * sizeof(float); }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(shape_.tensor), "backward own " + block_text(shape_.tensor)};
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    cpu::lrn_forward(shape_, in_type<T>(x), in_type<T>(y), scratch(pass));
  }
  void backward(const CpuPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cpu::lrn_backward(shape_, in_type<T>(x), in_type<T>(dy), in_type<T>(dx), relu_input_, scratch(pass));
  }

 private:
  [[nodiscard]] std::span<float> scratch(const CpuPass& pass) const {
    return {static_cast<float*>(pass.scratch), scratch_floats_};
  }
  LrnShape shape_;
  bool relu_input_;
  std::size_t scratch_floats_ = 0;
};

template <typename T>
class PoolLayer final : public CpuLayer {
 public:
  PoolLayer(const LayerSpec& layer, const PoolSpec& spec, const LayerOptions& options)
      : options_(options),
        max_(spec.kind == PoolSpec::Kind::max),
        shape_(pool_shape(layer, spec, options.in)) {
    if (max_ && options.train) {
      where_ = CpuBuffer(static_cast<std::size_t>(shape_.out.elements()) * sizeof(PoolIndex));
    }
  }
  [[nodiscard]] TensorShape in() const override { return shape_.in; }
  [[nodiscard]] TensorShape out() const override { return shape_.out; }
  [[nodiscard]] bool backward_reads_input() const override { return options_.relu_input; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(shape_.in), "backward own " + block_text(shape_.in)};
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    if (max_) {
      cpu::maxpool_forward(shape_, options_.relu, in_type<T>(x), in_type<T>(y),
                           pass.training ? where_.as<PoolIndex>() : nullptr);
    } else {
      cpu::avgpool_forward(shape_, options_.relu, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* /*y*/, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    const T* const relu = options_.relu_input ? in_type<T>(x) : nullptr;
    if (max_) {
      cpu::maxpool_backward(shape_, where_.as<PoolIndex>(), in_type<T>(dy), relu, in_type<T>(dx));
    } else {
      cpu::avgpool_backward(shape_, in_type<T>(dy), relu, in_type<T>(dx));
    }
  }

 private:
  LayerOptions options_;
  bool max_;
  PoolShape shape_;
  CpuBuffer where_;
};

// lrn and maxpool, perhaps with a ReLU after them, in one pass.
template <typename T>
class LrnPoolLayer final : public CpuLayer {
 public:
  LrnPoolLayer(const LrnPoolShape& shape, bool train) : shape_(shape) {
    scratch_elements_ = static_cast<std::size_t>(cpu::lrn_pool_scratch(shape)) *
                        static_cast<std::size_t>(omp_get_max_threads());
    if (train) where_ = CpuBuffer(static_cast<std::size_t>(shape.pool.out.elements()) * sizeof(LrnPoolIndex));
  }
  [[nodiscard]] TensorShape in() const override { return shape_.pool.in; }
  [[nodiscard]] TensorShape out() const override { return shape_.pool.out; }
  [[nodiscard]] bool backward_reads_input() const override { return true; }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_elements_ * sizeof(T); }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(in()), "backward own " + block_text(in())};
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    cpu::lrn_pool_forward(shape_, in_type<T>(x), in_type<T>(y),
                          pass.training ? where_.as<LrnPoolIndex>() : nullptr,
                          std::span<T>(static_cast<T*>(pass.scratch), scratch_elements_));
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* /*y*/, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    cpu::lrn_pool_backward(shape_, in_type<T>(x), where_.as<LrnPoolIndex>(), in_type<T>(dy), in_type<T>(dx));
  }

 private:
  LrnPoolShape shape_;
  std::size_t scratch_elements_ = 0;
  CpuBuffer where_;
};

template <typename T>
class DropoutLayer final : public CpuLayer {
 public:
  DropoutLayer(const DropoutSpec& spec, const LayerOptions& options)
      : relu_input_(options.relu_input),
        test_factor_(spec.scale_at_test ? static_cast<float>(1.0 - spec.drop) : 1.0F) {
    shape_.tensor = options.in;
    shape_.drop = static_cast<float>(spec.drop);
    shape_.scale = spec.scale_at_test ? 1.0F : static_cast<float>(1.0 / (1.0 - spec.drop));
    shape_.seed = options.seed;
    shape_.layer = options.dropout_layer;
    if (options.train) mask_ = CpuBuffer(static_cast<std::size_t>(options.in.elements()));
  }
  [[nodiscard]] TensorShape in() const override { return shape_.tensor; }
  [[nodiscard]] TensorShape out() const override { return shape_.tensor; }
  [[nodiscard]] bool in_place() const override { return true; }
  // Of a ReLU's output only the sign counts, and only where the element was kept: y, in x's place, has it.
  [[nodiscard]] bool backward_reads_input() const override { return relu_input_; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {"forward own " + block_text(shape_.tensor), "backward own " + block_text(shape_.tensor)};
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    if (pass.training) {
      cpu::dropout_mask(shape_, pass.batch.records, pass.batch.epochs, mask_.as<std::uint8_t>());
      cpu::dropout_forward(shape_, mask_.as<std::uint8_t>(), in_type<T>(x), in_type<T>(y));
    } else if (test_factor_ != 1.0F || x != y) {
      cpu::scale_activations(shape_.tensor.elements(), test_factor_, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* /*y*/, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    cpu::dropout_backward(shape_, mask_.as<std::uint8_t>(), in_type<T>(dy),
                          relu_input_ ? in_type<T>(x) : nullptr, in_type<T>(dx));
  }

 private:
  DropoutShape shape_;
  bool relu_input_;
  float test_factor_;
  CpuBuffer mask_;
};

cpu::ProductOptions product_options(const LayerOptions& options) {
  cpu::ProductOptions result;
  result.element = options.element;
  result.train = options.train;
  result.input_gradient = options.input_gradient;
  result.relu = options.relu;
  result.f32_output = options.scores;
  if (!options.first) result.src_block = options.in.block;
  return result;
}

std::unique_ptr<cpu::Product> make_product(const LayerSpec& layer, const LayerOptions& options) {
  if (const auto* fc = std::get_if<FcSpec>(&layer.kind)) {
    return cpu::make_fc({options.in, fc->outputs}, product_options(options));
  }
  const ConvShape shape = conv_shape(layer, std::get<ConvSpec>(layer.kind), options.in.images);
  return cpu::make_conv(shape, product_options(options));
}

template <typename T>
std::unique_ptr<CpuLayer> make_layer(const LayerSpec& layer, const LayerOptions& options) {
  if (std::holds_alternative<ReluSpec>(layer.kind)) return std::make_unique<ReluLayer<T>>(options);
  if (std::holds_alternative<TanhSpec>(layer.kind)) return std::make_unique<TanhLayer<T>>(options);
  if (const auto* lrn = std::get_if<LrnSpec>(&layer.kind)) {
    return std::make_unique<LrnLayer<T>>(*lrn, options);
  }
  if (const auto* pool = std::get_if<PoolSpec>(&layer.kind)) {
    return std::make_unique<PoolLayer<T>>(layer, *pool, options);
  }
  if (const auto* dropout = std::get_if<DropoutSpec>(&layer.kind)) {
    return std::make_unique<DropoutLayer<T>>(*dropout, options);
  }
  return std::make_unique<ProductLayer<T>>(make_product(layer, options), options);
}

}  // namespace

cpu::ProductWeights CpuParameters::weights() const {
  cpu::ProductWeights w;
  w.master = master.as<float>();
  w.forward = forward_copy.bytes() == 0 ? master.as<void>() : forward_copy.as<void>();
  w.backward = backward_copy.bytes() == 0 ? w.forward : backward_copy.as<void>();
  w.bias = bias.as<float>();
  return w;
}

std::unique_ptr<CpuLayer> make_cpu_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                            const LayerOptions& options) {
  const std::optional<LrnPoolShape> shape = lrn_pool_shape(first, second, options);
  if (!shape || !cpu::lrn_pool_serves(*shape)) return nullptr;
  if (options.element == Element::f32) return std::make_unique<LrnPoolLayer<float>>(*shape, options.train);
  return std::make_unique<LrnPoolLayer<Bf16>>(*shape, options.train);
}

std::unique_ptr<CpuLayer> make_cpu_layer(const LayerSpec& spec, const LayerOptions& options) {
  return options.element == Element::f32 ? make_layer<float>(spec, options) : make_layer<Bf16>(spec, options);
}

}  // namespace convoy
