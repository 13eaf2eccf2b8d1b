#include "lib/net/cpu/layers.h"

#include <omp.h>

#include "kernels/conv.h"
#include "kernels/dropout.h"
#include "kernels/fc.h"
#include "kernels/local.h"
#include "kernels/logistic.h"
#include "kernels/lrn.h"
#include "kernels/lrn_map.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "lib/base/match.h"

namespace convoy {
namespace {

// The layers with parameters.
LayerFacts product_facts(LayerFacts facts, const cpu::Product& product) {
  facts.in = product.src();
  facts.out = product.dst();
  facts.scratch_bytes = product.scratch_bytes();
  return facts;
}

class ProductLayer final : public CpuLayer {
 public:
  ProductLayer(const LayerFacts& facts, std::unique_ptr<cpu::Product> product, const LayerOptions& options)
      : CpuLayer(product_facts(facts, *product)),
        train_(options.train),
        gradient_sums_(static_cast<std::size_t>(options.gradient_sums)),
        relu_input_(options.relu_input) {
    parameters_.product = std::move(product);
  }

  [[nodiscard]] CpuParameters* parameters() override { return &parameters_; }
  void place(CpuArena& arena) override {
    CpuParameters& p = parameters_;
    const std::size_t weights = p.product->master_elements() * sizeof(float);
    const std::size_t bias = p.product->bias_elements() * sizeof(float);
    arena.take(p.master, weights);
    arena.take(p.bias, bias);
    arena.take(p.forward_copy, p.product->forward_bytes());
    arena.take(p.backward_copy, p.product->backward_bytes());
    if (!train_) return;
    arena.take(p.momentum, weights);
    arena.take(p.gradient, weights);
    arena.take(p.bias_momentum, bias);
    arena.take(p.bias_gradient, bias);
    p.sums.resize(gradient_sums_);
    p.bias_sums.resize(gradient_sums_);
    for (CpuBuffer& sum : p.sums) arena.take(sum, weights);
    for (CpuBuffer& sum : p.bias_sums) arena.take(sum, bias);
  }
  [[nodiscard]] std::vector<std::string> describe() const override { return parameters_.product->describe(); }

  void forward(const CpuPass& pass, const void* x, void* y) override {
    parameters_.product->forward(x, parameters_.weights(), y, pass.scratch);
  }
  void backward(const CpuPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    cpu::Product& product = *parameters_.product;
    if (pass.learns) {
      product.backward_weights(x, dy, parameters_.gradient.as<float>(), parameters_.bias_gradient.as<float>(),
                               pass.scratch);
    }
    if (dx == nullptr) return;
    product.backward_data(dy, parameters_.weights(), relu_input_ ? x : nullptr, dx, pass.scratch);
  }

 private:
  bool train_;
  std::size_t gradient_sums_;
  bool relu_input_;
  CpuParameters parameters_;
};

template <typename T>
class ReluLayer final : public CpuLayer {
 public:
  using CpuLayer::CpuLayer;
  [[nodiscard]] std::vector<std::string> describe() const override { return {describe_pass("forward")}; }
  void forward(const CpuPass& /*pass*/, const void* x, void* y) override {
    cpu::relu_forward(facts().in.elements(), in_type<T>(x), in_type<T>(y));
  }
  // By the ReLU protocol the next layer does it. dx is dy.
  void backward(const CpuPass& /*pass*/, const void* /*x*/, const void* /*y*/, const void* /*dy*/,
                void* /*dx*/) override {}
};

template <typename T>
class TanhLayer final : public CpuLayer {
 public:
  TanhLayer(const LayerFacts& facts, const LayerOptions& options)
      : CpuLayer(facts), relu_input_(options.relu_input) {}
  void forward(const CpuPass& /*pass*/, const void* x, void* y) override {
    cpu::tanh_forward(facts().in.elements(), in_type<T>(x), in_type<T>(y));
  }
  void backward(const CpuPass& /*pass*/, const void* /*x*/, const void* y, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    const std::int64_t count = facts().in.elements();
    cpu::tanh_backward(count, in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    // tanh(x) is positive exactly where x is.
    if (relu_input_) cpu::relu_backward(count, in_type<T>(y), in_type<T>(dx), in_type<T>(dx));
  }

 private:
  bool relu_input_;
};

template <typename T>
class LogisticLayer final : public CpuLayer {
 public:
  LogisticLayer(const LayerFacts& facts, const LayerOptions& options)
      : CpuLayer(facts), relu_input_(options.relu_input) {}
  void forward(const CpuPass& /*pass*/, const void* x, void* y) override {
    cpu::logistic_forward(facts().in, in_type<T>(x), in_type<T>(y));
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* y, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cpu::logistic_backward(facts().in, in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    if (relu_input_) cpu::relu_backward(facts().in.elements(), in_type<T>(x), in_type<T>(dx), in_type<T>(dx));
  }

 private:
  bool relu_input_;
};

LayerFacts with_scratch(LayerFacts facts, std::size_t bytes) {
  facts.scratch_bytes = bytes;
  return facts;
}
// The size of scratch memory if each thread needs `each`.
std::size_t scratch_of_threads(std::int64_t each) {
  return static_cast<std::size_t>(each) * static_cast<std::size_t>(omp_get_max_threads());
}

std::span<float> floats_of_scratch(const CpuPass& pass, const LayerFacts& facts) {
  return {static_cast<float*>(pass.scratch), facts.scratch_bytes / sizeof(float)};
}

template <typename T>
class LrnLayer final : public CpuLayer {
 public:
  LrnLayer(const LayerFacts& facts, const LrnShape& shape, const LayerOptions& options)
      : CpuLayer(with_scratch(facts, scratch_of_threads(cpu::lrn_scratch(shape)) * sizeof(float))),
        shape_(shape),
        relu_input_(options.relu_input) {}
  void forward(const CpuPass& pass, const void* x, void* y) override {
    cpu::lrn_forward(shape_, in_type<T>(x), in_type<T>(y), floats_of_scratch(pass, facts()));
  }
  void backward(const CpuPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cpu::lrn_backward(shape_, in_type<T>(x), in_type<T>(dy), in_type<T>(dx), relu_input_,
                      floats_of_scratch(pass, facts()));
  }

 private:
  LrnShape shape_;
  bool relu_input_;
};

template <typename T>
class LrnMapLayer final : public CpuLayer {
 public:
  LrnMapLayer(const LayerFacts& facts, const LrnMapShape& shape, const LayerOptions& options)
      : CpuLayer(with_scratch(facts, scratch_of_threads(cpu::lrn_map_scratch(shape)) * sizeof(float))),
        shape_(shape),
        relu_input_(options.relu_input) {}
  void forward(const CpuPass& pass, const void* x, void* y) override {
    cpu::lrn_map_forward(shape_, in_type<T>(x), in_type<T>(y), floats_of_scratch(pass, facts()));
  }
  void backward(const CpuPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cpu::lrn_map_backward(shape_, in_type<T>(x), in_type<T>(dy), in_type<T>(dx), relu_input_,
                          floats_of_scratch(pass, facts()));
  }

 private:
  LrnMapShape shape_;
  bool relu_input_;
};

template <typename T>
class PoolLayer final : public CpuLayer {
 public:
  PoolLayer(const LayerFacts& facts, const PoolShape& shape, PoolSpec::Kind kind, const LayerOptions& options)
      : CpuLayer(facts),
        shape_(shape),
        max_(kind == PoolSpec::Kind::max),
        train_(options.train),
        relu_(options.relu),
        relu_input_(options.relu_input) {}
  void place(CpuArena& arena) override {
    if (max_ && train_) {
      arena.take(where_, static_cast<std::uint64_t>(shape_.out.elements()) * sizeof(PoolIndex));
    }
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    if (max_) {
      cpu::maxpool_forward(shape_, relu_, in_type<T>(x), in_type<T>(y),
                           pass.training ? where_.as<PoolIndex>() : nullptr);
    } else {
      cpu::avgpool_forward(shape_, relu_, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* /*y*/, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    const T* const relu = relu_input_ ? in_type<T>(x) : nullptr;
    if (max_) {
      cpu::maxpool_backward(shape_, where_.as<PoolIndex>(), in_type<T>(dy), relu, in_type<T>(dx));
    } else {
      cpu::avgpool_backward(shape_, in_type<T>(dy), relu, in_type<T>(dx));
    }
  }

 private:
  PoolShape shape_;
  bool max_;
  bool train_;
  bool relu_;
  bool relu_input_;
  CpuBuffer where_;
};

// lrn and maxpool in one pass, perhaps with the ReLU after them.
template <typename T>
class LrnPoolLayer final : public CpuLayer {
 public:
  LrnPoolLayer(const LrnPoolShape& shape, bool train)
      : CpuLayer(with_scratch(lrn_pool_facts(shape),
                              scratch_of_threads(cpu::lrn_pool_scratch(shape)) * sizeof(T))),
        shape_(shape),
        train_(train) {}
  void place(CpuArena& arena) override {
    if (!train_) return;
    arena.take(where_, static_cast<std::uint64_t>(shape_.pool.out.elements()) * sizeof(LrnPoolIndex));
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    cpu::lrn_pool_forward(shape_, in_type<T>(x), in_type<T>(y),
                          pass.training ? where_.as<LrnPoolIndex>() : nullptr,
                          std::span<T>(static_cast<T*>(pass.scratch), facts().scratch_bytes / sizeof(T)));
  }
  void backward(const CpuPass& /*pass*/, const void* x, const void* /*y*/, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    cpu::lrn_pool_backward(shape_, in_type<T>(x), where_.as<LrnPoolIndex>(), in_type<T>(dy), in_type<T>(dx));
  }

 private:
  LrnPoolShape shape_;
  bool train_;
  CpuBuffer where_;
};

template <typename T>
class DropoutLayer final : public CpuLayer {
 public:
  DropoutLayer(const LayerFacts& facts, const DropoutSpec& spec, const LayerOptions& options)
      : CpuLayer(facts),
        shape_(dropout_shape(spec, options)),
        train_(options.train),
        relu_input_(options.relu_input),
        test_factor_(dropout_test_factor(spec)) {}
  void place(CpuArena& arena) override {
    if (train_) arena.take(mask_, static_cast<std::uint64_t>(shape_.tensor.elements()));
  }
  void forward(const CpuPass& pass, const void* x, void* y) override {
    if (pass.training) {
      cpu::dropout_mask(shape_, pass.batch.records, pass.batch.epochs, mask_.as<std::uint8_t>());
      cpu::dropout_forward(shape_, mask_.as<std::uint8_t>(), in_type<T>(x), in_type<T>(y));
    } else if (test_factor_ != 1.0F || x != y) {
      cpu::scale_activations(shape_.tensor.elements(), test_factor_, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CpuPass& /*pass*/, const void* /*x*/, const void* y, const void* dy,
                void* dx) override {
    if (dx == nullptr) return;
    cpu::dropout_backward(shape_, mask_.as<std::uint8_t>(), in_type<T>(dy),
                          relu_input_ ? in_type<T>(y) : nullptr, in_type<T>(dx));
  }

 private:
  DropoutShape shape_;
  bool train_;
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

template <typename T>
std::unique_ptr<CpuLayer> make_layer(const LayerSpec& layer, const LayerOptions& options) {
  using Made = std::unique_ptr<CpuLayer>;
  const LayerFacts facts = layer_facts(layer, options);
  const auto product = [&](std::unique_ptr<cpu::Product> made) {
    return std::make_unique<ProductLayer>(facts, std::move(made), options);
  };
  return match(
      layer.kind,
      [&](const ConvSpec& conv) -> Made {
        return product(cpu::make_conv(conv_shape(layer, conv, options.in.images), product_options(options)));
      },
      [&](const LocalSpec& local) -> Made {
        return product(
            cpu::make_local(conv_shape(layer, local, options.in.images), product_options(options)));
      },
      [&](const FcSpec& fc) -> Made {
        return product(cpu::make_fc({options.in, fc.outputs}, product_options(options)));
      },
      [&](const ReluSpec&) -> Made { return std::make_unique<ReluLayer<T>>(facts); },
      [&](const TanhSpec&) -> Made { return std::make_unique<TanhLayer<T>>(facts, options); },
      [&](const LogisticSpec&) -> Made { return std::make_unique<LogisticLayer<T>>(facts, options); },
      [&](const LrnSpec& lrn) -> Made {
        return std::make_unique<LrnLayer<T>>(facts, lrn_shape(lrn, options.in), options);
      },
      [&](const LrnMapSpec& lrn) -> Made {
        return std::make_unique<LrnMapLayer<T>>(facts, lrn_map_shape(lrn, options.in), options);
      },
      [&](const PoolSpec& pool) -> Made {
        return std::make_unique<PoolLayer<T>>(facts, pool_shape(layer, pool, options.in), pool.kind, options);
      },
      [&](const DropoutSpec& dropout) -> Made {
        return std::make_unique<DropoutLayer<T>>(facts, dropout, options);
      },
      [](const SoftmaxSpec&) -> Made { return nullptr; });  // computed with the loss
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

std::string CpuLayer::describe_pass(const std::string& pass) const {
  return pass + " own block=" + std::to_string(facts().in.block);
}

std::vector<std::string> CpuLayer::describe() const {
  return {describe_pass("forward"), describe_pass("backward")};
}

std::unique_ptr<CpuLayer> make_cpu_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                            const LayerOptions& options) {
  const std::optional<LrnPoolShape> shape = lrn_pool_shape(first, second, options);
  if (!shape || !cpu::lrn_pool_serves(*shape)) return nullptr;
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<CpuLayer> {
    return std::make_unique<LrnPoolLayer<T>>(*shape, options.train);
  });
}

std::unique_ptr<CpuLayer> make_cpu_layer(const LayerSpec& spec, const LayerOptions& options) {
  return with_type_of(options.element,
                      [&]<typename T>(std::type_identity<T>) { return make_layer<T>(spec, options); });
}

}  // namespace convoy
