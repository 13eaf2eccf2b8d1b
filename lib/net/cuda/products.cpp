// conv, local and fc on a GPU.
#include <algorithm>

#include "kernels/column_sums.h"
#include "kernels/conv.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "kernels/local.h"
#include "kernels/multiply.h"
#include "kernels/relu.h"
#include "lib/base/error.h"
#include "lib/net/cuda/layers.h"

namespace convoy {
namespace {

class ConvParameters final : public CudaParameters {
 public:
  ConvParameters(const ConvShape& shape, bool cells) : conv_{shape, shape}, cells_(cells) {
    if (cells) conv_ = cuda::space_to_depth(shape);
    weights.elements = cuda::filter_elements(conv_.transformed);
    bias.elements = cuda::padded_channels(shape.filters);
  }
  [[nodiscard]] const ConvShape& shape() const { return conv_.transformed; }
  void pack_weights(std::span<const float> canonical, std::span<float> packed) const override {
    if (cells_) return cuda::pack_filters(conv_, canonical, packed);
    cuda::pack_filters(conv_.original, canonical, packed);
  }
  void unpack_weights(std::span<const float> packed, std::span<float> canonical) const override {
    if (cells_) return cuda::unpack_filters(conv_, packed, canonical);
    cuda::unpack_filters(conv_.original, packed, canonical);
  }

 private:
  cuda::SpaceToDepthConv conv_;
  bool cells_;
};

// Whether to turn blocks of pixels into channels. Only the layout of the net's input can be chosen, and only
// few channels gain from it.
bool wants_cells(const ConvShape& shape, const LayerOptions& options) {
  return options.first && shape.groups == 1 && shape.stride > 1 && shape.channels < cuda::kChannelAlignment &&
         shape.stride <= shape.kernel_height && shape.stride <= shape.kernel_width;
}

LayerFacts conv_facts(LayerFacts facts, const ConvShape& original, const LayerOptions& options) {
  const bool cells = wants_cells(original, options);
  const ConvShape shape = cells ? cuda::space_to_depth(original).transformed : original;
  if (cells)
    facts.in = {shape.images, shape.channels, shape.height, shape.width,
                cuda::padded_channels(shape.channels)};
  facts.out.block = cuda::padded_channels(facts.out.channels);
  facts.f32_output = false;  // scores have the type of the other activations
  if (options.train) facts.scratch_bytes = cuda::conv_weight_gradient_scratch(shape);
  return facts;
}

template <typename T>
class ConvLayer final : public CudaLayer {
 public:
  ConvLayer(const LayerFacts& facts, const ConvShape& shape, const LayerOptions& options)
      : CudaLayer(conv_facts(facts, shape, options)),
        options_(options),
        original_(shape),
        cells_(wants_cells(shape, options)),
        parameters_(shape, cells_) {}

  [[nodiscard]] CudaParameters* parameters() override { return &parameters_; }
  [[nodiscard]] std::optional<cuda::SpaceToDepth> cells() const override {
    if (!cells_) return std::nullopt;
    return cuda::SpaceToDepth{original_.stride, original_.pad_top, original_.pad_left, original_.height,
                              original_.width};
  }
  void place(CudaArena& arena) override {
    parameters_.weights.place(arena, options_, kElementOf<T> == Element::bf16);
    parameters_.bias.place(arena, options_, false);
    if (cells_ && options_.train) learned_ = arena.take<float>(parameters_.weights.elements);
  }
  // In cells the transformed filters are larger than the original ones. The additional weights are zero and
  // must stay zero.
  void prepare(const cuda::GemmContext* /*context*/, const cuda::Stream& stream) override {
    const ConvShape& shape = parameters_.shape();
    if (const int most = cuda::largest_conv_batch(shape); shape.images > most) {
      throw Error("GPU", "a batch of " + std::to_string(shape.images) +
                             " is too large for a convolution of " + std::to_string(shape.height) + "x" +
                             std::to_string(shape.width) + " pixels; at most " + std::to_string(most));
    }
    if (learned_ == nullptr) return;
    const std::vector<float> ones(static_cast<std::size_t>(original_.weights()), 1.0F);
    std::vector<float> packed(static_cast<std::size_t>(parameters_.weights.elements));
    parameters_.pack_weights(ones, packed);
    cuda::copy_to_device(stream, learned_, packed.data(), packed.size() * sizeof(float));
    stream.synchronize();
  }
  [[nodiscard]] std::vector<std::string> describe() const override {
    const std::string how = "implicit-gemm own nhwc " + std::string(element_name(kElementOf<T>)) +
                            (cells_ ? " space-to-depth" : "");
    return describe_passes(how, options_);
  }

  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::conv_forward(pass.stream, parameters_.shape(), in_type<T>(x), read_weights<T>(parameters_.weights),
                       parameters_.bias.w, in_type<T>(y), options_.relu);
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    const ConvShape& shape = parameters_.shape();
    CudaTensor& weights = parameters_.weights;
    if (pass.learns) {
      // The padding of the bias stays zero.
      cuda::conv_weight_gradient(pass.stream, shape, in_type<T>(x), in_type<T>(dy), weights.g,
                                 parameters_.bias.g, static_cast<float*>(pass.scratch));
      if (learned_ != nullptr) cuda::multiply(pass.stream, weights.elements, learned_, weights.g);
    }
    if (dx == nullptr) return;
    cuda::conv_input_gradient(pass.stream, shape, in_type<T>(dy), read_weights<T>(weights),
                              options_.relu_input ? in_type<T>(x) : nullptr, in_type<T>(dx));
  }

 private:
  LayerOptions options_;
  ConvShape original_;
  bool cells_;
  ConvParameters parameters_;
  float* learned_ = nullptr;  // in cells: 1 for the original filters' weights, 0 for the additional ones
};

class LocalParameters final : public CudaParameters {
 public:
  explicit LocalParameters(const ConvShape& shape) : shape_(shape) {
    weights.elements = cuda::local_weight_elements(shape);
    bias.elements = cuda::local_bias_elements(shape);
  }
  [[nodiscard]] const ConvShape& shape() const { return shape_; }
  void pack_weights(std::span<const float> canonical, std::span<float> packed) const override {
    cuda::pack_local_weights(shape_, canonical, packed);
  }
  void unpack_weights(std::span<const float> packed, std::span<float> canonical) const override {
    cuda::unpack_local_weights(shape_, packed, canonical);
  }
  void pack_bias(std::span<const float> canonical, std::span<float> packed) const override {
    cuda::pack_local_bias(shape_, canonical, packed);
  }
  void unpack_bias(std::span<const float> packed, std::span<float> canonical) const override {
    cuda::unpack_local_bias(shape_, packed, canonical);
  }

 private:
  ConvShape shape_;
};

// Outputs in the type of the other activations, scores too, with padded channels.
LayerFacts local_facts(LayerFacts facts) {
  facts.out.block = cuda::padded_channels(facts.out.channels);
  facts.f32_output = false;
  return facts;
}

template <typename T>
class LocalLayer final : public CudaLayer {
 public:
  LocalLayer(const LayerFacts& facts, const ConvShape& shape, const LayerOptions& options)
      : CudaLayer(local_facts(facts)), options_(options), parameters_(shape) {}

  [[nodiscard]] CudaParameters* parameters() override { return &parameters_; }
  void place(CudaArena& arena) override {
    parameters_.weights.place(arena, options_, kElementOf<T> == Element::bf16);
    parameters_.bias.place(arena, options_, false);
  }
  [[nodiscard]] std::vector<std::string> describe() const override {
    return describe_passes("local own nhwc " + std::string(element_name(kElementOf<T>)), options_);
  }

  void forward(const CudaPass& pass, const void* x, void* y) override {
    cuda::local_forward(pass.stream, parameters_.shape(), in_type<T>(x), read_weights<T>(parameters_.weights),
                        parameters_.bias.w, in_type<T>(y), options_.relu);
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    // The padding of the bias stays zero.
    if (pass.learns) {
      cuda::local_weight_gradient(pass.stream, parameters_.shape(), in_type<T>(x), in_type<T>(dy),
                                  parameters_.weights.g, parameters_.bias.g);
    }
    if (dx == nullptr) return;
    cuda::local_input_gradient(pass.stream, parameters_.shape(), in_type<T>(dy),
                               read_weights<T>(parameters_.weights),
                               options_.relu_input ? in_type<T>(x) : nullptr, in_type<T>(dx));
  }

 private:
  LayerOptions options_;
  LocalParameters parameters_;
};

// Weights are [outputs][H][W][C] with outputs and channels padded: rows in the layout of an image of x.
class FcParameters final : public CudaParameters {
 public:
  FcParameters(const TensorShape& in, int outputs) : in_(in), outputs_(outputs) {
    bias.elements = cuda::padded_channels(outputs);
    weights.elements = bias.elements * in.image_elements();
  }
  void pack_weights(std::span<const float> canonical, std::span<float> packed) const override {
    std::ranges::fill(packed, 0.0F);
    for_each_weight([&](std::size_t from, std::size_t to) { packed[to] = canonical[from]; });
  }
  void unpack_weights(std::span<const float> packed, std::span<float> canonical) const override {
    for_each_weight([&](std::size_t to, std::size_t from) { canonical[to] = packed[from]; });
  }

 private:
  // visit(canonical index, packed index)
  template <typename Visit>
  void for_each_weight(const Visit& visit) const {
    std::size_t canonical = 0;
    for (int k = 0; k < outputs_; ++k) {
      const auto row = static_cast<std::size_t>(k * in_.image_elements());
      for (int c = 0; c < in_.channels; ++c) {
        for (std::int64_t pixel = 0; pixel < in_.pixels(); ++pixel, ++canonical) {
          visit(canonical, row + static_cast<std::size_t>(pixel * in_.block + c));
        }
      }
    }
  }
  TensorShape in_;
  int outputs_;
};

LayerFacts fc_facts(LayerFacts facts) {
  facts.out.block = cuda::padded_channels(facts.out.channels);
  return facts;
}

template <typename T>
class FcLayer final : public CudaLayer {
 public:
  FcLayer(const LayerFacts& facts, const FcSpec& spec, const LayerOptions& options)
      : CudaLayer(fc_facts(facts)), options_(options), parameters_(options.in, spec.outputs) {}

  [[nodiscard]] CudaParameters* parameters() override { return &parameters_; }
  void place(CudaArena& arena) override {
    parameters_.weights.place(arena, options_, kElementOf<T> == Element::bf16);
    parameters_.bias.place(arena, options_, out_element() == Element::bf16);
  }
  [[nodiscard]] bool needs_gemm() const override { return true; }
  void prepare(const cuda::GemmContext* context, const cuda::Stream& /*stream*/) override {
    cuda::GemmShape shape;
    shape.rows = facts().out.images;
    shape.columns = facts().out.block;
    shape.depth = options_.in.image_elements();
    shape.b_transposed = true;
    shape.in = kElementOf<T>;
    shape.out = out_element();
    shape.epilogue = options_.relu ? cuda::GemmEpilogue::bias_relu : cuda::GemmEpilogue::bias;
    forward_.emplace(*context, shape);
    if (!options_.train) return;
    cuda::GemmShape gradient;
    gradient.rows = facts().out.block;
    gradient.columns = options_.in.image_elements();
    gradient.depth = facts().out.images;
    gradient.a_transposed = true;
    gradient.in = kElementOf<T>;
    gradient.out = Element::f32;
    backward_weights_.emplace(*context, gradient);
    if (!options_.input_gradient) return;
    cuda::GemmShape data;
    data.rows = facts().out.images;
    data.columns = options_.in.image_elements();
    data.depth = facts().out.block;
    data.in = kElementOf<T>;
    data.out = kElementOf<T>;
    backward_data_.emplace(*context, data);
  }
  [[nodiscard]] std::vector<std::string> describe() const override {
    const std::string how = "gemm cublaslt " + std::string(element_name(kElementOf<T>));
    return describe_passes(how, options_);
  }

  void forward(const CudaPass& pass, const void* x, void* y) override {
    const void* const bias = out_element() == Element::bf16 ? static_cast<const void*>(parameters_.bias.copy)
                                                            : static_cast<const void*>(parameters_.bias.w);
    forward_->run(pass.stream, x, read_weights<T>(parameters_.weights), bias, y);
  }
  void backward(const CudaPass& pass, const void* x, const void* /*y*/, const void* dy, void* dx) override {
    if (pass.learns) {
      backward_weights_->run(pass.stream, dy, x, nullptr, parameters_.weights.g);
      cuda::column_sums(pass.stream, facts().out.images, facts().out.block, in_type<T>(dy),
                        parameters_.bias.g);
    }
    if (dx == nullptr) return;
    backward_data_->run(pass.stream, dy, read_weights<T>(parameters_.weights), nullptr, dx);
    if (!options_.relu_input) return;
    T* const gradient = in_type<T>(dx);
    cuda::relu_backward(pass.stream, options_.in.elements(), in_type<T>(x), static_cast<const T*>(gradient),
                        gradient);
  }

 private:
  [[nodiscard]] Element out_element() const { return facts().f32_output ? Element::f32 : kElementOf<T>; }
  LayerOptions options_;
  FcParameters parameters_;
  std::optional<cuda::Gemm> forward_;
  std::optional<cuda::Gemm> backward_weights_;
  std::optional<cuda::Gemm> backward_data_;
};

}  // namespace

std::unique_ptr<CudaLayer> make_cuda_conv(const LayerSpec& layer, const ConvSpec& spec,
                                          const LayerOptions& options) {
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<CudaLayer> {
    return std::make_unique<ConvLayer<T>>(layer_facts(layer, options),
                                          conv_shape(layer, spec, options.in.images), options);
  });
}

std::unique_ptr<CudaLayer> make_cuda_local(const LayerSpec& layer, const LocalSpec& spec,
                                           const LayerOptions& options) {
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<CudaLayer> {
    return std::make_unique<LocalLayer<T>>(layer_facts(layer, options),
                                           conv_shape(layer, spec, options.in.images), options);
  });
}

std::unique_ptr<CudaLayer> make_cuda_fc(const LayerSpec& layer, const FcSpec& spec,
                                        const LayerOptions& options) {
  return with_type_of(options.element, [&]<typename T>(std::type_identity<T>) -> std::unique_ptr<CudaLayer> {
    return std::make_unique<FcLayer<T>>(layer_facts(layer, options), spec, options);
  });
}

}  // namespace convoy
