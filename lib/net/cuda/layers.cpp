// The layers without parameters.
#include "lib/net/cuda/layers.h"

#include "kernels/dropout.h"
#include "kernels/lrn.h"
#include "kernels/lrn_pool.h"
#include "kernels/pool.h"
#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

template <typename T>
const char* own() {
  return sizeof(T) == sizeof(float) ? "own nhwc fp32" : "own nhwc bf16";
}
template <typename T>
std::vector<std::string> both_ways(const std::string& kind) {
  return {"forward " + kind + " " + own<T>(), "backward " + kind + " " + own<T>()};
}

template <typename T>
class ReluLayer final : public CudaLayer {
 public:
  explicit ReluLayer(const LayerOptions& options) : shape_(options.in) {}
  [[nodiscard]] TensorShape in() const override { return shape_; }
  [[nodiscard]] TensorShape out() const override { return shape_; }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return false; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return {std::string("forward relu ") + own<T>()};
  }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::relu_forward(pass.stream, shape_.elements(), in_type<T>(x), in_type<T>(y));
  }
  // The next layer has done it; dx is dy.
  void backward(const CudaPass& /*pass*/, const void* /*x*/, const void* /*y*/, const void* /*dy*/,
                void* /*dx*/) override {}

 private:
  TensorShape shape_;
};

template <typename T>
class TanhLayer final : public CudaLayer {
 public:
  explicit TanhLayer(const LayerOptions& options) : shape_(options.in), relu_input_(options.relu_input) {}
  [[nodiscard]] TensorShape in() const override { return shape_; }
  [[nodiscard]] TensorShape out() const override { return shape_; }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return false; }
  [[nodiscard]] bool backward_reads_output() const override { return true; }
  [[nodiscard]] std::vector<std::string> describe() const override { return both_ways<T>("tanh"); }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::tanh_forward(pass.stream, shape_.elements(), in_type<T>(x), in_type<T>(y));
  }
  void backward(const CudaPass& pass, const void* /*x*/, const void* y, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    cuda::tanh_backward(pass.stream, shape_.elements(), in_type<T>(y), in_type<T>(dy), in_type<T>(dx));
    // tanh is positive where its input is.
    if (relu_input_) {
      cuda::relu_backward(pass.stream, shape_.elements(), in_type<T>(y),
                          in_type<T>(static_cast<const void*>(dx)), in_type<T>(dx));
    }
  }

 private:
  TensorShape shape_;
  bool relu_input_;
};

template <typename T>
class LrnLayer final : public CudaLayer {
 public:
  LrnLayer(const LayerSpec& layer, const LrnSpec& spec, const LayerOptions& options)
      : shape_(lrn_shape(spec, options.in)), relu_input_(options.relu_input) {
    if (!cuda::lrn_fits(shape_, options.shared_bytes))
      throw Error(layer.name, "too many channels for the GPU's normalisation");
  }
  [[nodiscard]] TensorShape in() const override { return shape_.tensor; }
  [[nodiscard]] TensorShape out() const override { return shape_.tensor; }
  [[nodiscard]] bool gradient_in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return true; }
  [[nodiscard]] std::vector<std::string> describe() const override { return both_ways<T>("lrn"); }
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
class PoolLayer final : public CudaLayer {
 public:
  PoolLayer(const LayerSpec& layer, const PoolSpec& spec, const LayerOptions& options)
      : options_(options),
        max_(spec.kind == PoolSpec::Kind::max),
        shape_(pool_shape(layer, spec, options.in)) {}
  [[nodiscard]] TensorShape in() const override { return shape_.in; }
  [[nodiscard]] TensorShape out() const override { return shape_.out; }
  [[nodiscard]] bool backward_reads_input() const override { return options_.relu_input; }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return both_ways<T>(max_ ? "maxpool" : "avgpool");
  }
  void place(CudaArena& arena) override {
    if (max_ && options_.train) where_ = arena.take<PoolIndex>(shape_.out.elements());
  }
  void forward(const CudaPass& pass, const void* x, void* y) override {
    if (max_) {
      cuda::maxpool_forward(pass.stream, shape_, options_.relu, in_type<T>(x), in_type<T>(y),
                            pass.training ? where_ : nullptr);
    } else {
      cuda::avgpool_forward(pass.stream, shape_, options_.relu, in_type<T>(x), in_type<T>(y));
    }
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (dx == nullptr) return;
    const T* const relu = options_.relu_input ? in_type<T>(x) : nullptr;
    if (max_) {
      cuda::maxpool_backward(pass.stream, shape_, where_, in_type<T>(dy), relu, in_type<T>(dx));
    } else {
      cuda::avgpool_backward(pass.stream, shape_, in_type<T>(dy), relu, in_type<T>(dx));
    }
  }

 private:
  LayerOptions options_;
  bool max_;
  PoolShape shape_;
  PoolIndex* where_ = nullptr;
};

template <typename T>
class LrnPoolLayer final : public CudaLayer {
 public:
  LrnPoolLayer(const LrnPoolShape& shape, bool train) : shape_(shape), train_(train) {}
  [[nodiscard]] TensorShape in() const override { return shape_.pool.in; }
  [[nodiscard]] TensorShape out() const override { return shape_.pool.out; }
  [[nodiscard]] bool backward_reads_input() const override { return true; }
  [[nodiscard]] std::vector<std::string> describe() const override { return both_ways<T>("lrn+maxpool"); }
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
class DropoutLayer final : public CudaLayer {
 public:
  DropoutLayer(const DropoutSpec& spec, const LayerOptions& options)
      : relu_input_(options.relu_input),
        test_factor_(spec.scale_at_test ? static_cast<float>(1.0 - spec.drop) : 1.0F) {
    shape_.tensor = options.in;
    shape_.drop = static_cast<float>(spec.drop);
    shape_.scale = spec.scale_at_test ? 1.0F : static_cast<float>(1.0 / (1.0 - spec.drop));
    shape_.seed = options.seed;
    shape_.layer = options.dropout_layer;
  }
  [[nodiscard]] TensorShape in() const override { return shape_.tensor; }
  [[nodiscard]] TensorShape out() const override { return shape_.tensor; }
  [[nodiscard]] bool in_place() const override { return true; }
  [[nodiscard]] bool backward_reads_input() const override { return false; }
  // After a ReLU the output says it all: it is positive where the ReLU passed and the mask kept.
  [[nodiscard]] bool backward_reads_output() const override { return relu_input_; }
  [[nodiscard]] std::vector<std::string> describe() const override { return both_ways<T>("dropout"); }
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
std::unique_ptr<CudaLayer> make_layer(const LayerSpec& layer, const LayerOptions& options) {
  if (std::holds_alternative<ReluSpec>(layer.kind)) return std::make_unique<ReluLayer<T>>(options);
  if (std::holds_alternative<TanhSpec>(layer.kind)) return std::make_unique<TanhLayer<T>>(options);
  if (const auto* lrn = std::get_if<LrnSpec>(&layer.kind)) {
    return std::make_unique<LrnLayer<T>>(layer, *lrn, options);
  }
  if (const auto* pool = std::get_if<PoolSpec>(&layer.kind)) {
    return std::make_unique<PoolLayer<T>>(layer, *pool, options);
  }
  if (const auto* dropout = std::get_if<DropoutSpec>(&layer.kind)) {
    return std::make_unique<DropoutLayer<T>>(*dropout, options);
  }
  return make_cuda_product(layer, options);
}

}  // namespace

std::unique_ptr<CudaLayer> make_cuda_layer(const LayerSpec& spec, const LayerOptions& options) {
  return options.element == Element::f32 ? make_layer<float>(spec, options) : make_layer<Bf16>(spec, options);
}

std::unique_ptr<CudaLayer> make_cuda_lrn_pool(const LayerSpec& first, const LayerSpec& second,
                                              const LayerOptions& options) {
  const std::optional<LrnPoolShape> shape = lrn_pool_shape(first, second, options);
  if (!shape || !cuda::lrn_pool_fits(*shape, options.element, options.shared_bytes)) return nullptr;
  if (options.element == Element::f32) return std::make_unique<LrnPoolLayer<float>>(*shape, options.train);
  return std::make_unique<LrnPoolLayer<Bf16>>(*shape, options.train);
}

}  // namespace convoy
