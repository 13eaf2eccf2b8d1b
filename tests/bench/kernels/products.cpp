// conv and fc: the layers of examples/nets/alexnet.net in the three directions; local: those of
// examples/nets/cifar-local-13pct.net.
#include <algorithm>
#include <array>

#include "kernels/conv.h"
#include "kernels/fc.h"
#include "kernels/local.h"
#include "tests/bench/kernels/kernel_case.h"

namespace convoy::bench {
namespace {

using cpu::Product;
using cpu::ProductOptions;
using cpu::ProductWeights;
using MakeProduct = std::function<std::unique_ptr<Product>(const ProductOptions&)>;

enum class Direction { forward, input_gradient, weight_gradient };
constexpr std::array kDirections{Direction::forward, Direction::input_gradient, Direction::weight_gradient};

const char* text_of(Direction direction) {
  constexpr std::array kNames{"forward", "input-gradient", "weight-gradient"};
  return kNames.at(static_cast<std::size_t>(direction));
}

struct ProductLayer {
  std::string name;
  MakeProduct make;
  double multiply_adds = 0.0;  // per call
  bool first = false;          // needs no input gradient
};

// A product with its weights, activations and gradients.
template <typename T>
struct ProductMemory {
  std::unique_ptr<Product> product;
  Values<float> master, bias, diff_weights, diff_bias;
  Values<T> src, dst;
  CpuBuffer forward, backward, scratch;

  [[nodiscard]] ProductWeights weights() const {
    ProductWeights w{master.data(), master.data(), nullptr, bias.data()};
    if (forward.bytes() > 0) w.forward = forward.template as<void>();
    w.backward = backward.bytes() > 0 ? backward.template as<void>() : w.forward;
    return w;
  }
};

template <typename T>
std::shared_ptr<ProductMemory<T>> memory_of(std::unique_ptr<Product> product) {
  auto memory = std::make_shared<ProductMemory<T>>();
  ProductMemory<T>& m = *memory;
  const auto elements = static_cast<std::int64_t>(product->master_elements());
  const auto biases = static_cast<std::int64_t>(product->bias_elements());
  m.master = small_values<float>(elements);
  m.forward = CpuBuffer(product->forward_bytes());
  m.backward = CpuBuffer(product->backward_bytes());
  m.bias = small_values<float>(biases);
  m.src = small_values<T>(product->src().elements());
  m.dst = small_values<T>(product->dst().elements());
  m.diff_weights = small_values<float>(elements);
  m.diff_bias = small_values<float>(biases);
  m.scratch = CpuBuffer(product->scratch_bytes() + 64);
  m.product = std::move(product);
  m.product->refresh(m.weights());
  return memory;
}

template <typename T>
KernelCase prepare(const ProductLayer& layer, Direction direction) {
  const ProductOptions options{.element = kElementOf<T>,
                               .train = true,
                               .input_gradient = !layer.first,
                               .relu = true,
                               .f32_output = false,
                               .src_block = std::nullopt};
  const auto memory = memory_of<T>(layer.make(options));
  const bool gradient = direction == Direction::weight_gradient;
  KernelCase result;
  result.flop = 2.0 * layer.multiply_adds;
  result.bytes =
      static_cast<double>(memory->src.bytes()) + static_cast<double>(memory->dst.bytes()) +
      static_cast<double>(memory->product->master_elements() * (gradient ? sizeof(float) : sizeof(T)));
  result.run = [memory, direction] {
    ProductMemory<T>& m = *memory;
    void* scratch = m.scratch.template as<void>();
    switch (direction) {
      case Direction::forward:
        m.product->forward(m.src.data(), m.weights(), m.dst.data(), scratch);
        break;
      case Direction::input_gradient:
        m.product->backward_data(m.dst.data(), m.weights(), nullptr, m.src.data(), scratch);
        break;
      case Direction::weight_gradient:
        m.product->backward_weights(m.src.data(), m.dst.data(), m.diff_weights.data(), m.diff_bias.data(),
                                    scratch);
        break;
    }
  };
  return result;
}

ProductLayer conv(const std::string& name, const ConvShape& shape) {
  const double outputs = double{1} * shape.images * shape.out_height() * shape.out_width();
  return {name, [shape](const ProductOptions& options) { return cpu::make_conv(shape, options); },
          outputs * static_cast<double>(shape.weights()), name == "conv1"};
}

// Taps of all windows in one direction that are inside of the input: what lies on padding is not multiplied.
double taps_inside(int windows, int stride, int padding, int kernel, int size) {
  int taps = 0;
  for (int window = 0; window < windows; ++window) {
    const int first = window * stride - padding;
    taps += std::min(first + kernel, size) - std::max(first, 0);
  }
  return taps;
}

ProductLayer local(const std::string& name, const ConvShape& s) {
  const double taps = taps_inside(s.out_height(), s.stride, s.pad_top, s.kernel_height, s.height) *
                      taps_inside(s.out_width(), s.stride, s.pad_left, s.kernel_width, s.width);
  return {name, [s](const ProductOptions& options) { return cpu::make_local(s, options); },
          taps * s.images * s.filters * (s.channels / s.groups), false};
}

ProductLayer fc(const std::string& name, const TensorShape& in, int outputs) {
  const FcShape shape{in, outputs};
  return {name, [shape](const ProductOptions& options) { return cpu::make_fc(shape, options); },
          double{1} * in.images * in.channels * static_cast<double>(in.pixels()) * outputs, false};
}

ConvShape conv_shape(int batch, int channels, int side, int filters, int window, int pad, int groups) {
  return {.images = batch,
          .channels = channels,
          .height = side,
          .width = side,
          .filters = filters,
          .kernel_height = window,
          .kernel_width = window,
          .stride = 1,
          .pad_top = pad,
          .pad_left = pad,
          .pad_bottom = pad,
          .pad_right = pad,
          .groups = groups};
}

}  // namespace

std::vector<Kernel> product_kernels(int batch) {
  ConvShape first = conv_shape(batch, 3, 224, 96, 11, 0, 1);
  first.stride = 4;
  first.pad_bottom = first.pad_right = 3;
  const std::array layers{conv("conv1", first),
                          conv("conv2", conv_shape(batch, 96, 27, 256, 5, 2, 2)),
                          conv("conv3", conv_shape(batch, 256, 13, 384, 3, 1, 1)),
                          conv("conv4", conv_shape(batch, 384, 13, 384, 3, 1, 2)),
                          conv("conv5", conv_shape(batch, 384, 13, 256, 3, 1, 2)),
                          fc("fc6", {batch, 256, 6, 6, 16}, 4096),
                          fc("fc7", {batch, 4096, 1, 1, 1}, 4096),
                          fc("fc8", {batch, 4096, 1, 1, 1}, 1000),
                          local("local3", conv_shape(batch, 64, 6, 32, 3, 1, 1)),
                          local("local4", conv_shape(batch, 32, 6, 32, 3, 1, 1))};
  std::vector<Kernel> kernels;
  for (const ProductLayer& layer : layers) {
    for (const Direction direction : kDirections) {
      if (layer.first && direction == Direction::input_gradient) continue;
      const std::string name = layer.name + "/" + text_of(direction) + "/";
      kernels.push_back({name + "fp32", Element::f32, [=] { return prepare<float>(layer, direction); }});
      kernels.push_back({name + "bf16", Element::bf16, [=] { return prepare<Bf16>(layer, direction); }});
    }
  }
  return kernels;
}

}  // namespace convoy::bench
