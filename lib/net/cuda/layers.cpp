// The layers, except for those in products.cpp.
#include "lib/net/cuda/layers.h"

#include "kernels/dropout.h"
#include "kernels/logistic.h"
#include "kernels/lrn.h"
#include "kernels/lrn_map.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "lib/base/error.h"
#include "lib/base/match.h"

namespace convoy {
namespace {

// A layer that runs on the kernels of this project. kernels: their name.
template <typename T>
class OwnLayer : public CudaLayer {
 public:
  OwnLayer(const LayerFacts& facts, std::string kernels) : CudaLayer(facts), kernels_(std::move(kernels)) {}
  // Kernels that have the name of the layer's kind.
  OwnLayer(const LayerFacts& facts, const LayerKind& kind) : OwnLayer(facts, std::string(kind_name(kind))) {}
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {describe_pass("forward"), describe_pass("backward")};
  }

 protected:
  [[nodiscard]] std::string describe_pass(const std::string& pass) const {
    return pass + " " + kernels_ + " own nhwc " + std::string(element_name(kElementOf<T>));
  }

 private:
  std::string kernels_;
};

template <typename T>
class ReluLayer final : public OwnLayer<T> {
 public:
  explicit ReluLayer(const LayerFacts& facts) : OwnLayer<T>(facts, ReluSpec()) {}
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {this->describe_pass("forward")};
  }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::relu_forward(pass.stream, this->facts().in.elements(), in_type<T>(x), in_type<T>(y));
  }
  // By the ReLU protocol the next layer does it. dx is dy.
  void backward(const CudaPass& /*pass*/, const void* /*x*/, const void* /*y*/, const void* /*dy*/,
                void* /*dx*/) override {}
};

template <typename T>
class TanhLayer final : public OwnLayer<T> {
 public:
  TanhLayer(const LayerFacts& facts, const LayerOptions& options)
      : OwnLayer<T>(facts, TanhSpec()), relu_input_(options.relu_input) {}
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::tanh_forward(pass.stream, this->facts().in.elements(), in_type<T>(x), in_type<T>(y));
  }
  void backward(const CudaPass& pass, const void* /*x*/, const void* y, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    const std::int64_t count = this->facts().in.elements();
    cuda::tanh_backward(pass.stream, count, in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    // tanh(x) is positive exactly where x is.
    if (relu_input_) {
      cuda::relu_backward(pass.stream, count, in_type<T>(y), in_type<T>(static_cast<const void*>(dx)),
                          in_type<T>(dx));
    }
  }

 private:
  bool relu_input_;
};

template <typename T>
class LogisticLayer final : public OwnLayer<T> {
 public:
  LogisticLayer(const LayerFacts& facts, const LayerOptions& options)
      : OwnLayer<T>(facts, LogisticSpec()), relu_input_(options.relu_input) {}
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::logistic_forward(pass.stream, this->facts().in, in_type<T>(x), in_type<T>(y));
  }
  void backward(const CudaPass& pass, const void* x, const void* y, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    const TensorShape& shape = this->facts().in;
    cuda::logistic_backward(pass.stream, shape, in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    if (relu_input_) {
      cuda::relu_backward(pass.stream, shape.elements(), in_type<T>(x),
                          in_type<T>(static_cast<const void*>(dx)), in_type<T>(dx));
    }
  }

 private:
  bool relu_input_;
};

template <typename T>
class LrnLayer final : public OwnLayer<T> {
 public:
  LrnLayer(const LayerFacts& facts, const LrnShape& shape, const LayerOptions& options)
      : OwnLayer<T>(facts, LrnSpec()), shape_(shape), relu_input_(options.relu_input) {}
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::lrn_forward(pass.stream, shape_, in_type<T>(x), in_type<T>(y));
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cuda::lrn_backward(pass.stream, shape_, in_type<T>(x), in_type<T>(dy), in_type<T>(dx), relu_input_);
  }

 private:
  LrnShape shape_;
  bool relu_input_;
};

template <typename T>
class LrnMapLayer final : public OwnLayer<T> {
 public:
  LrnMapLayer(const LayerFacts& facts, const LrnMapShape& shape, const LayerOptions& options)
      : OwnLayer<T>(with_scratch(facts, shape, options), LrnMapSpec()),
        shape_(shape),
        relu_input_(options.relu_input) {}
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::lrn_map_forward(pass.stream, shape_, in_type<T>(x), in_type<T>(y));
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cuda::lrn_map_backward(pass.stream, shape_, in_type<T>(x), in_type<T>(dy), in_type<T>(dx), relu_input_,
                           static_cast<float*>(pass.scratch));
  }

 private:
  [[nodiscard]] static LayerFacts with_scratch(LayerFacts facts, const LrnMapShape& shape,
                                               const LayerOptions& options) {
    if (options.train && options.input_gradient) {
      facts.scratch_bytes = static_cast<std::size_t>(cuda::lrn_map_scratch(shape)) * sizeof(float);
    }
    return facts;
  }
  LrnMapShape shape_;
  bool relu_input_;
};

template <typename T>
class PoolLayer final : public OwnLayer<T> {
 public:
  PoolLayer(const LayerFacts& facts, const PoolShape& shape, const PoolSpec& spec,
            const LayerOptions& options)
      : OwnLayer<T>(facts, spec),
        shape_(shape),
        max_(spec.kind == PoolSpec::Kind::max),
        train_(options.train),
        relu_(options.relu),
        relu_input_(options.relu_input) {}
  void place(CudaArena& arena) override {
    if (max_ && train_) where_ = arena.take<PoolIndex>(shape_.out.elements());
  }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    if (max_) {
      cuda::maxpool_forward(pass.stream, shape_, relu_, in_type<T>(x), in_type<T>(y),
                            pass.training ? where_ : nullptr);
    } else {
      cuda::avgpool_forward(pass.stream, shape_, relu_, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    const T* const relu = relu_input_ ? in_type<T>(x) : nullptr;
    if (max_) {
      cuda::maxpool_backward(pass.stream, shape_, where_, in_type<T>(dy), relu, in_type<T>(dx));
    } else {
      cuda::avgpool_backward(pass.stream, shape_, in_type<T>(dy), relu, in_type<T>(dx));
    }
  }

 private:
  PoolShape shape_;
  bool max_;
  bool train_;
  bool relu_;
  bool relu_input_;
  PoolIndex* where_ = nullptr;
};

template <typename T>
class LrnPoolLayer final : public OwnLayer<T> {
 public:
  LrnPoolLayer(const LrnPoolShape& shape, bool train)
      : OwnLayer<T>(lrn_pool_facts(shape), "lrn+maxpool"), shape_(shape), train_(train) {}
  void place(CudaArena& arena) override {
    if (train_) where_ = arena.take<LrnPoolIndex>(shape_.pool.out.elements());
  }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::lrn_pool_forward(pass.stream, shape_, in_type<T>(x), in_type<T>(y),
                           pass.training ? where_ : nullptr);
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cuda::lrn_pool_backward(pass.stream, shape_, in_type<T>(x), where_, in_type<T>(dy), in_type<T>(dx));
  }

 private:
  LrnPoolShape shape_;
  bool train_;
  LrnPoolIndex* where_ = nullptr;
};

template <typename T>
class DropoutLayer final : public OwnLayer<T> {
 public:
  DropoutLayer(const LayerFacts& facts, const DropoutSpec& spec, const LayerOptions& options)
      : OwnLayer<T>(facts, spec),
        shape_(dropout_shape(spec, options)),
        relu_input_(options.relu_input),
        test_factor_(dropout_test_factor(spec)) {}
  void forward(const CudaPass& pass, const void* x, void* y) override {
    if (pass.training) {
      cuda::dropout_forward(pass.stream, shape_, pass.batch, in_type<T>(x), in_type<T>(y));
    } else if (test_factor_ != 1.0F || x != y) {
      cuda::scale_activations(pass.stream, shape_.tensor.elements(), test_factor_, in_type<T>(x),
                              in_type<T>(y));
    }
  }
  void backward(const CudaPass& pass, const void* /*x*/, const void* y, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    if (relu_input_) {
      cuda::relu_dropout_backward(pass.stream, shape_.tensor.elements(), shape_.scale, in_type<T>(y),
                                  in_type<T>(dy), in_type<T>(dx));
    } else {
      cuda::dropout_backward(pass.stream, shape_, pass.batch, in_type<T>(dy), in_type<T>(dx));
    }
  }

 private:
  DropoutShape shape_;
  bool relu_input_;
  float test_factor_;
};

template <typename T>
std::unique_ptr<CudaLayer> make_layer(const LayerSpec& layer, const LayerOptions& options,
                                      std::uint64_t shared_bytes) {
  using Made = std::unique_ptr<CudaLayer>;
  const LayerFacts facts = layer_facts(layer, options);
  return match(
      layer.kind, [&](const ConvSpec& conv) -> Made { return make_cuda_conv(layer, conv, options); },
      [&](const LocalSpec& local) -> Made { return make_cuda_local(layer, local, options); },
      [&](const FcSpec& fc) -> Made { return make_cuda_fc(layer, fc, options); },
      [&](const ReluSpec&) -> Made { return std::make_unique<ReluLayer<T>>(facts); },
      [&](const TanhSpec&) -> Made { return std::make_unique<TanhLayer<T>>(facts, options); },
      [&](const LogisticSpec&) -> Made { return std::make_unique<LogisticLayer<T>>(facts, options); },
      [&](const LrnSpec& lrn) -> Made {
        const LrnShape shape = lrn_shape(lrn, options.in);
        if (!cuda::lrn_fits(shape, shared_bytes))
          throw Error(layer.name, "too many channels for the GPU's normalisation");
        return std::make_unique<LrnLayer<T>>(facts, shape, options);
      },
      [&](const LrnMapSpec& lrn) -> Made {
        return std::make_unique<LrnMapLayer<T>>(facts, lrn_map_shape(lrn, options.in), options);
      },
      [&](const PoolSpec& pool) -> Made {
        return std::make_unique<PoolLayer<T>>(facts, pool_shape(layer, pool, options.in), pool, options);
      },
      [&](const DropoutSpec& dropout) -> Made {
        return std::make_unique<DropoutLayer<T>>(facts, dropout, options);
      },
      [](const SoftmaxSpec&) -> Made { return nullptr; });  // computed with the loss
}

}  // namespace

std::unique_ptr<CudaLayer> make_cuda_layer(const LayerSpec& spec, const LayerOptions& options,
                                           std::uint64_t shared_bytes) {
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) {
    return make_layer<T>(spec, options, shared_bytes);
  });
}

std::unique_ptr<CudaLayer> make_cuda_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                              const LayerOptions& options, std::uint64_t shared_bytes) {
  const std::optional<LrnPoolShape> shape = lrn_pool_shape(first, second, options);
  if (!shape || !cuda::lrn_pool_fits(*shape, options.element, shared_bytes)) return nullptr;
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<CudaLayer> {
    return std::make_unique<LrnPoolLayer<T>>(*shape, options.train);
  });
}

}  // namespace convoy
