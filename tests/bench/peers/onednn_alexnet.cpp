// onednn_alexnet train|infer BATCH f32|bf16 [auto]: AlexNet (examples/nets/alexnet.net, without dropout) as a
// plain oneDNN program: one primitive after another in the layouts that oneDNN prefers, with only ReLU fused
// into products, and SGD as a loop. `auto` lets oneDNN choose Winograd for convolutions. Random data, in
// memory. Prints a line per primitive to standard error, then images per second, the median of the rounds.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <oneapi/dnnl/dnnl.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using Type = memory::data_type;
using Tag = memory::format_tag;
using Dims = memory::dims;

constexpr int kRounds = 3;
constexpr float kRate = 1e-6F;

// oneDNN 3 has no operation descriptors, which in oneDNN 2 stand between the arguments and the
// primitive descriptor.
template <typename Primitive, typename... Arguments>
auto describe(const dnnl::engine& engine, const dnnl::primitive_attr& attributes, Arguments... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine, arguments..., attributes);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), attributes, engine);
#endif
}
template <typename Primitive, typename Hint, typename... Arguments>
auto describe_backward(const dnnl::engine& engine, const Hint& hint, Arguments... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return typename Primitive::primitive_desc(engine, arguments..., hint);
#else
  return typename Primitive::primitive_desc(typename Primitive::desc(arguments...), engine, hint);
#endif
}

#if DNNL_VERSION_MAJOR >= 3
Dims dims_of(const memory::desc& layout) { return layout.get_dims(); }
Type type_of(const memory::desc& layout) { return layout.get_data_type(); }
#else
Dims dims_of(const memory::desc& layout) { return layout.dims(); }
Type type_of(const memory::desc& layout) { return layout.data_type(); }
#endif

struct Step {
  std::string name;
  std::function<void()> run;
  double seconds = 0.0;
};

class Program {
 public:
  Program(int batch, Type type, algorithm convolution)
      : batch_(batch),
        type_(type),
        convolution_(convolution),
        last_(make(memory::desc({batch, 3, 224, 224}, type, Tag::nchw))) {}

  void conv(const std::string& name, int filters, int kernel, int stride, int pad_begin, int pad_end,
            int groups) {
    const memory input = last_;
    const Dims in = dims_of(input.get_desc());
    const int out = static_cast<int>((in[2] + pad_begin + pad_end - kernel) / stride + 1);
    const Dims weights = groups > 1 ? Dims{groups, filters / groups, in[1] / groups, kernel, kernel}
                                    : Dims{filters, in[1], kernel, kernel};
    const bool first = backward_.empty();
    const memory::desc src(in, type_, first ? Tag::nchw : Tag::any);
    const memory::desc w(weights, type_, Tag::any);
    const memory::desc gradient_w(weights, Type::f32, Tag::any);
    const memory::desc b({filters}, Type::f32, Tag::x);
    const memory::desc dst({batch_, filters, out, out}, type_, Tag::any);
    const Dims strides = {stride, stride};
    const Dims begin = {pad_begin, pad_begin};
    const Dims end = {pad_end, pad_end};
    const auto forward =
        describe<dnnl::convolution_forward>(engine_, relu_attributes(), prop_kind::forward_training,
                                            convolution_, src, w, b, dst, strides, begin, end);
    product(name, forward, dnnl::convolution_forward(forward));
    backward_.push_back([=, this, output = last_, weights_memory = weights_](const memory& arriving) {
      const memory gradient = relu_backward(name, output, arriving);
      const auto by_weights = describe_backward<dnnl::convolution_backward_weights>(
          engine_, forward, convolution_, src, gradient_w, b, dst, strides, begin, end);
      weight_gradient(name, by_weights, dnnl::convolution_backward_weights(by_weights), input, gradient,
                      weights_memory);
      if (first) return memory();
      const auto by_data = describe_backward<dnnl::convolution_backward_data>(
          engine_, forward, convolution_, src, w, dst, strides, begin, end);
      return input_gradient(name, by_data, dnnl::convolution_backward_data(by_data), gradient,
                            weights_memory);
    });
  }

  void fc(const std::string& name, int outputs, bool relu) {
    const memory input = last_;
    Dims weights = dims_of(input.get_desc());
    const memory::desc any_src(weights, type_, Tag::any);
    weights[0] = outputs;
    const memory::desc w(weights, type_, Tag::any);
    const memory::desc gradient_w(weights, Type::f32, Tag::any);
    const memory::desc b({outputs}, Type::f32, Tag::x);
    const memory::desc dst({batch_, outputs}, type_, Tag::any);
    const auto forward =
        describe<dnnl::inner_product_forward>(engine_, relu ? relu_attributes() : dnnl::primitive_attr(),
                                              prop_kind::forward_training, input.get_desc(), w, b, dst);
    product(name, forward, dnnl::inner_product_forward(forward));
    backward_.push_back([=, this, output = last_, weights_memory = weights_](const memory& arriving) {
      const memory gradient = relu ? relu_backward(name, output, arriving) : arriving;
      // The forward pass's layout saves a reorder of the gradient if oneDNN has a fast way to write it.
      auto by_weights = describe_backward<dnnl::inner_product_backward_weights>(
          engine_, forward, input.get_desc(), gradient_w, b, gradient.get_desc());
      if (type_ == Type::f32) {
        const auto same = describe_backward<dnnl::inner_product_backward_weights>(
            engine_, forward, input.get_desc(), forward.weights_desc(), b, gradient.get_desc());
        if (std::string_view(same.impl_info_str()).find("ref") == std::string_view::npos) by_weights = same;
      }
      weight_gradient(name, by_weights, dnnl::inner_product_backward_weights(by_weights), input, gradient,
                      weights_memory);
      const auto by_data = describe_backward<dnnl::inner_product_backward_data>(engine_, forward, any_src, w,
                                                                                gradient.get_desc());
      return input_gradient(name, by_data, dnnl::inner_product_backward_data(by_data), gradient,
                            weights_memory);
    });
  }

  void lrn(const std::string& name) {
    const memory input = last_;
    const memory::desc layout = input.get_desc();
    constexpr float kAlphaTimesSize = 5e-4F;  // oneDNN divides by the size
#if DNNL_VERSION_MAJOR >= 3
    const auto forward =
        describe<dnnl::lrn_forward>(engine_, {}, prop_kind::forward_training, algorithm::lrn_across_channels,
                                    layout, layout, memory::dim{5}, kAlphaTimesSize, 0.75F, 2.0F);
#else
    const auto forward =
        describe<dnnl::lrn_forward>(engine_, {}, prop_kind::forward_training, algorithm::lrn_across_channels,
                                    layout, memory::dim{5}, kAlphaTimesSize, 0.75F, 2.0F);
#endif
    const memory output = make(forward.dst_desc());
    const memory workspace = make(forward.workspace_desc());
    step(forward_, name + " forward", dnnl::lrn_forward(forward),
         {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, output}, {DNNL_ARG_WORKSPACE, workspace}});
    last_ = output;
    backward_.push_back([=, this](const memory& gradient) {
#if DNNL_VERSION_MAJOR >= 3
      const auto backward = describe_backward<dnnl::lrn_backward>(
          engine_, forward, algorithm::lrn_across_channels, layout, gradient.get_desc(), layout,
          memory::dim{5}, kAlphaTimesSize, 0.75F, 2.0F);
#else
      const auto backward = describe_backward<dnnl::lrn_backward>(
          engine_, forward, algorithm::lrn_across_channels, layout, gradient.get_desc(), memory::dim{5},
          kAlphaTimesSize, 0.75F, 2.0F);
#endif
      const memory arriving = reorder_to(name, gradient, backward.diff_dst_desc(), backward_steps_);
      const memory result = make(backward.diff_src_desc());
      step(backward_steps_, name + " backward", dnnl::lrn_backward(backward),
           {{DNNL_ARG_SRC, input},
            {DNNL_ARG_DIFF_DST, arriving},
            {DNNL_ARG_DIFF_SRC, result},
            {DNNL_ARG_WORKSPACE, workspace}});
      return result;
    });
  }

  void maxpool(const std::string& name) {
    const memory input = last_;
    const memory::desc layout = input.get_desc();
    const Dims in = dims_of(layout);
    const memory::dim out = (in[2] - 3) / 2 + 1;
    const memory::desc dst({batch_, in[1], out, out}, type_, Tag::any);
    const Dims strides = {2, 2};
    const Dims kernel = {3, 3};
    const Dims none = {0, 0};
#if DNNL_VERSION_MAJOR >= 3
    const auto forward =
        describe<dnnl::pooling_forward>(engine_, {}, prop_kind::forward_training, algorithm::pooling_max,
                                        layout, dst, strides, kernel, none, none, none);
#else
    const auto forward =
        describe<dnnl::pooling_forward>(engine_, {}, prop_kind::forward_training, algorithm::pooling_max,
                                        layout, dst, strides, kernel, none, none);
#endif
    const memory output = make(forward.dst_desc());
    const memory workspace = make(forward.workspace_desc());
    step(forward_, name + " forward", dnnl::pooling_forward(forward),
         {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, output}, {DNNL_ARG_WORKSPACE, workspace}});
    last_ = output;
    backward_.push_back([=, this](const memory& gradient) {
#if DNNL_VERSION_MAJOR >= 3
      const auto backward = describe_backward<dnnl::pooling_backward>(
          engine_, forward, algorithm::pooling_max, layout, dst, strides, kernel, none, none, none);
#else
      const auto backward = describe_backward<dnnl::pooling_backward>(
          engine_, forward, algorithm::pooling_max, layout, dst, strides, kernel, none, none);
#endif
      const memory arriving = reorder_to(name, gradient, backward.diff_dst_desc(), backward_steps_);
      const memory result = make(backward.diff_src_desc());
      step(backward_steps_, name + " backward", dnnl::pooling_backward(backward),
           {{DNNL_ARG_DIFF_DST, arriving}, {DNNL_ARG_DIFF_SRC, result}, {DNNL_ARG_WORKSPACE, workspace}});
      return result;
    });
  }

  // Chains the gradients; nothing may be added afterwards.
  void close() {
    memory gradient = make(last_.get_desc());
    for (auto layer = backward_.rbegin(); layer != backward_.rend(); ++layer) gradient = (*layer)(gradient);
  }

  void time(bool train) {
    run_all(train);
    std::vector<double> seconds;
    for (int round = 0; round < kRounds; ++round) {
      const double start = now();
      run(forward_);
      if (train) {
        run(backward_steps_);
        run(update_);
      }
      seconds.push_back(now() - start);
    }
    for (const auto* steps : {&forward_, &backward_steps_, &update_}) {
      for (const Step& one : *steps)
        std::fprintf(stderr, "%-60s %8.2f ms\n", one.name.c_str(), one.seconds / kRounds * 1e3);
    }
    std::printf("%.1f\n", batch_ / median(seconds));
  }

 private:
  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  static double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  // Small values of both signs, because denormal numbers and zeros would take other times.
  memory make(const memory::desc& layout) const {
    memory result(layout, engine_);
    auto* bytes = static_cast<unsigned char*>(result.get_data_handle());
    const std::size_t size = layout.get_size();
    const bool wide = type_of(layout) == Type::f32;
    for (std::size_t i = 0; i + (wide ? 4 : 2) <= size; i += wide ? 4 : 2) {
      const auto hash = static_cast<std::uint32_t>(i * 2654435761U) >> 16;
      const auto bits =
          std::bit_cast<std::uint32_t>((static_cast<float>(hash % 1000) / 1000.0F - 0.5F) * 0.1F);
      for (std::size_t byte = 0; byte < (wide ? 4U : 2U); ++byte) {
        bytes[i + byte] = static_cast<unsigned char>(bits >> (8 * (byte + (wide ? 0 : 2))));
      }
    }
    return result;
  }

  static dnnl::primitive_attr relu_attributes() {
    dnnl::post_ops operations;
#if DNNL_VERSION_MAJOR >= 3
    operations.append_eltwise(algorithm::eltwise_relu, 0.0F, 0.0F);
#else
    operations.append_eltwise(1.0F, algorithm::eltwise_relu, 0.0F, 0.0F);
#endif
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(operations);
    return attributes;
  }

  void step(std::vector<Step>& steps, const std::string& name, const dnnl::primitive& primitive,
            const std::unordered_map<int, memory>& arguments) {
    steps.push_back({name, [this, primitive, arguments] { primitive.execute(stream_, arguments); }});
  }

  memory reorder_to(const std::string& name, const memory& from, const memory::desc& layout,
                    std::vector<Step>& steps) {
    if (from.get_desc() == layout) return from;
    const memory to = make(layout);
    step(steps, name + " reorder", dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    return to;
  }

  template <typename Description>
  void product(const std::string& name, const Description& forward, const dnnl::primitive& primitive) {
    const memory input = reorder_to(name + " input", last_, forward.src_desc(), forward_);
    weights_ = make(forward.weights_desc());
    const memory bias = make(forward.bias_desc());
    last_ = make(forward.dst_desc());
    step(forward_, name + " forward " + forward.impl_info_str(), primitive,
         {{DNNL_ARG_SRC, input}, {DNNL_ARG_WEIGHTS, weights_}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, last_}});
  }

  memory relu_backward(const std::string& name, const memory& output, const memory& arriving) {
    constexpr auto kRelu = algorithm::eltwise_relu_use_dst_for_bwd;
    const memory::desc layout = output.get_desc();
#if DNNL_VERSION_MAJOR >= 3
    const auto forward = describe<dnnl::eltwise_forward>(engine_, {}, prop_kind::forward_training, kRelu,
                                                         layout, layout, 0.0F, 0.0F);
    const auto backward = describe_backward<dnnl::eltwise_backward>(engine_, forward, kRelu, layout, layout,
                                                                    layout, 0.0F, 0.0F);
#else
    const auto forward =
        describe<dnnl::eltwise_forward>(engine_, {}, prop_kind::forward_training, kRelu, layout, 0.0F, 0.0F);
    const auto backward =
        describe_backward<dnnl::eltwise_backward>(engine_, forward, kRelu, layout, layout, 0.0F, 0.0F);
#endif
    const memory gradient = reorder_to(name + " relu", arriving, layout, backward_steps_);
    step(backward_steps_, name + " relu backward", dnnl::eltwise_backward(backward),
         {{DNNL_ARG_DST, output}, {DNNL_ARG_DIFF_DST, gradient}, {DNNL_ARG_DIFF_SRC, gradient}});
    return gradient;
  }

  template <typename Description>
  void weight_gradient(const std::string& name, const Description& description,
                       const dnnl::primitive& primitive, const memory& input, const memory& gradient,
                       const memory& weights) {
    const memory src = reorder_to(name + " weights' input", input, description.src_desc(), backward_steps_);
    const memory dst =
        reorder_to(name + " weights' gradient", gradient, description.diff_dst_desc(), backward_steps_);
    memory result = make(description.diff_weights_desc());
    const memory bias = make(description.diff_bias_desc());
    step(backward_steps_, name + " by weights " + description.impl_info_str(), primitive,
         {{DNNL_ARG_SRC, src},
          {DNNL_ARG_DIFF_DST, dst},
          {DNNL_ARG_DIFF_WEIGHTS, result},
          {DNNL_ARG_DIFF_BIAS, bias}});
    if (type_ == Type::f32)
      result = reorder_to(name + " gradient", result, weights.get_desc(), backward_steps_);
    sgd(name, weights, result);
  }

  template <typename Description>
  memory input_gradient(const std::string& name, const Description& description,
                        const dnnl::primitive& primitive, const memory& gradient, const memory& weights) {
    const memory dst =
        reorder_to(name + " input's gradient", gradient, description.diff_dst_desc(), backward_steps_);
    const memory w =
        reorder_to(name + " input's weights", weights, description.weights_desc(), backward_steps_);
    const memory result = make(description.diff_src_desc());
    step(backward_steps_, name + " by input " + description.impl_info_str(), primitive,
         {{DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DIFF_SRC, result}});
    return result;
  }

  void sgd(const std::string& name, const memory& weights, const memory& gradient) {
    const std::size_t count = gradient.get_desc().get_size() / sizeof(float);
    const bool low = type_ == Type::bf16;
    auto momentum = std::make_shared<std::vector<float>>(count);
    auto master = std::make_shared<std::vector<float>>(low ? count : 0);
    update_.push_back({name + " sgd", [=] {
                         const auto* g = static_cast<const float*>(gradient.get_data_handle());
                         float* v = momentum->data();
                         float* w = low ? master->data() : static_cast<float*>(weights.get_data_handle());
                         auto* copy = low ? static_cast<std::uint16_t*>(weights.get_data_handle()) : nullptr;
#pragma omp parallel for simd
                         for (std::size_t i = 0; i < count; ++i) {
                           v[i] = 0.9F * v[i] - 0.0005F * kRate * w[i] - kRate * g[i];
                           w[i] += v[i];
                           if (copy != nullptr) {
                             const auto bits = std::bit_cast<std::uint32_t>(w[i]);
                             copy[i] =
                                 static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
                           }
                         }
                       }});
  }

  void run(std::vector<Step>& steps) {
    for (Step& one : steps) {
      const double start = now();
      one.run();
      stream_.wait();
      one.seconds += now() - start;
    }
  }
  // Touches the memory, and clears the times.
  void run_all(bool train) {
    for (auto* steps : {&forward_, &backward_steps_, &update_}) {
      if (train || steps == &forward_) run(*steps);
      for (Step& one : *steps) one.seconds = 0.0;
    }
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  int batch_;
  Type type_;
  algorithm convolution_;
  memory last_;     // output of the preceding layer
  memory weights_;  // of the last product that was added
  std::vector<std::function<memory(const memory&)>> backward_;
  std::vector<Step> forward_, backward_steps_, update_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fputs("usage: onednn_alexnet train|infer BATCH f32|bf16 [auto]\n", stderr);
    return 2;
  }
  const bool winograd = argc > 4 && std::string_view(argv[4]) == "auto";
  Program program(std::atoi(argv[2]), std::string_view(argv[3]) == "bf16" ? Type::bf16 : Type::f32,
                  winograd ? algorithm::convolution_auto : algorithm::convolution_direct);
  program.conv("conv1", 96, 11, 4, 0, 3, 1);
  program.lrn("lrn1");
  program.maxpool("pool1");
  program.conv("conv2", 256, 5, 1, 2, 2, 2);
  program.lrn("lrn2");
  program.maxpool("pool2");
  program.conv("conv3", 384, 3, 1, 1, 1, 1);
  program.conv("conv4", 384, 3, 1, 1, 1, 2);
  program.conv("conv5", 256, 3, 1, 1, 1, 2);
  program.maxpool("pool5");
  program.fc("fc6", 4096, true);
  program.fc("fc7", 4096, true);
  program.fc("fc8", 1000, false);
  program.close();
  program.time(std::string_view(argv[1]) == "train");
  return 0;
}
