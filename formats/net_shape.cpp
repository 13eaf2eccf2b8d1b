#include "formats/net_shape.h"

#include <functional>
#include <numeric>

namespace convoy {
namespace {

std::string text_of(const Extent& extent) {
  return std::to_string(extent.height) + "x" + std::to_string(extent.width) + "x" +
         std::to_string(extent.channels);
}

// One direction of a sliding window.
struct Window {
  int in = 0;
  int kernel = 0;
  int stride = 1;
  int before = 0;  // padding
  int after = 0;
};

// floor((in + before + after - kernel) / stride) + 1, or with ceil. All are at most kMaxNetSide.
int window_count(const Window& window, bool ceil, std::string_view direction) {
  if (window.before >= window.kernel || window.after >= window.kernel) {
    throw ShapeError("the padding (" + std::to_string(window.before) + ", " + std::to_string(window.after) +
                     ") must be smaller than the window's " + std::string(direction) + " (" +
                     std::to_string(window.kernel) + ")");
  }
  const int room = window.in + window.before + window.after - window.kernel;
  if (room < 0) {
    throw ShapeError("the window's " + std::string(direction) + " " + std::to_string(window.kernel) +
                     " is larger than the padded input's, " + std::to_string(room + window.kernel));
  }
  const int count = (room + (ceil ? window.stride - 1 : 0)) / window.stride + 1;
  // Only a window that hangs over may see nothing; a maximum of nothing has no value.
  if (std::int64_t{count - 1} * window.stride - window.before >= window.in) {
    throw ShapeError("the last window in the direction of the " + std::string(direction) +
                     " lies wholly outside the input");
  }
  return count;
}

Extent checked(const Extent& out) {
  if (out.height > kMaxNetSide || out.width > kMaxNetSide) {
    throw ShapeError("the output " + text_of(out) + " has a side over " + std::to_string(kMaxNetSide));
  }
  if (out.elements() > kMaxNetElements) {
    throw ShapeError("the output " + text_of(out) + " has more than " + std::to_string(kMaxNetElements) +
                     " elements");
  }
  return out;
}

void check_work(std::int64_t window_elements, const Extent& out) {
  if (window_elements > kMaxNetElements / out.channels) {
    throw ShapeError("more than " + std::to_string(kMaxNetElements) + " weights");
  }
  if (window_elements > kMaxNetMultiplyAdds / out.elements()) throw ShapeError("too many multiply-adds");
}

struct OutputOf {
  Extent in;

  Extent operator()(const ConvSpec& conv) const {
    if (in.channels % conv.groups != 0 || conv.filters % conv.groups != 0) {
      throw ShapeError("groups=" + std::to_string(conv.groups) + " must divide the " +
                       std::to_string(in.channels) + " input channels and the " +
                       std::to_string(conv.filters) + " filters");
    }
    const Extent out =
        checked({window_count({in.height, conv.kernel_height, conv.stride, conv.pad.top, conv.pad.bottom},
                              false, "height"),
                 window_count({in.width, conv.kernel_width, conv.stride, conv.pad.left, conv.pad.right},
                              false, "width"),
                 conv.filters});
    // No overflow: the window is at most 65535 * 65535 * 2^20 < 2^52.
    check_work(std::int64_t{conv.kernel_height} * conv.kernel_width * (in.channels / conv.groups), out);
    return out;
  }
  Extent operator()(const FcSpec& fc) const {
    const Extent out{1, 1, fc.outputs};
    check_work(in.elements(), out);
    return out;
  }
  Extent operator()(const PoolSpec& pool) const {
    return checked({window_count({in.height, pool.kernel_height, pool.stride, pool.pad.top, pool.pad.bottom},
                                 pool.ceil, "height"),
                    window_count({in.width, pool.kernel_width, pool.stride, pool.pad.left, pool.pad.right},
                                 pool.ceil, "width"),
                    in.channels});
  }
  Extent operator()(const SoftmaxSpec& /*softmax*/) const {
    if (in.height != 1 || in.width != 1 || in.channels < 2) {
      throw ShapeError("softmax takes 1x1xN with N of at least 2 classes, not " + text_of(in) +
                       ": expected an fc layer before it");
    }
    return in;
  }
  template <typename Elementwise>
  Extent operator()(const Elementwise& /*layer*/) const {
    return in;
  }
};

void append_parameters(const std::string& name, std::vector<std::uint64_t> weight_shape,
                       const ParameterSpec& spec, std::size_t layer, std::vector<ParameterInfo>& into) {
  const std::vector<std::uint64_t> bias_shape = {weight_shape.front()};
  into.push_back({name + ".weight", std::move(weight_shape), spec.init, 0.0, spec.lr, spec.decay, layer});
  into.push_back({name + ".bias", bias_shape, 0.0, spec.bias, spec.bias_lr, spec.bias_decay, layer});
}

}  // namespace

Extent output_extent(const LayerKind& kind, const Extent& in) { return std::visit(OutputOf{in}, kind); }

std::uint64_t ParameterInfo::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::vector<ParameterInfo> parameters_of(const NetSpec& net) {
  std::vector<ParameterInfo> parameters;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerSpec& layer = net.layers[i];
    if (const auto* conv = std::get_if<ConvSpec>(&layer.kind)) {
      append_parameters(
          layer.name,
          {static_cast<std::uint64_t>(conv->filters),
           static_cast<std::uint64_t>(layer.in.channels / conv->groups),
           static_cast<std::uint64_t>(conv->kernel_height), static_cast<std::uint64_t>(conv->kernel_width)},
          conv->parameters, i, parameters);
    } else if (const auto* fc = std::get_if<FcSpec>(&layer.kind)) {
      append_parameters(
          layer.name,
          {static_cast<std::uint64_t>(fc->outputs), static_cast<std::uint64_t>(layer.in.elements())},
          fc->parameters, i, parameters);
    }
  }
  return parameters;
}

std::int64_t multiply_adds(const LayerSpec& layer) {
  if (const auto* conv = std::get_if<ConvSpec>(&layer.kind)) {
    return layer.out.elements() * conv->kernel_height * conv->kernel_width *
           (layer.in.channels / conv->groups);
  }
  if (const auto* fc = std::get_if<FcSpec>(&layer.kind)) return layer.in.elements() * fc->outputs;
  return 0;
}

}  // namespace convoy
