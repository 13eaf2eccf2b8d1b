// The table of layer kinds: what follows from a layer's kind and its input.
#include "formats/net_kinds.h"

#include <functional>
#include <numeric>
#include <type_traits>

namespace convoy {
namespace {

// One direction of a sliding window.
struct Window {
  int in = 0;
  int kernel = 0;
  int stride = 1;
  int before = 0;  // padding
  int after = 0;
};

// floor((in + before + after - kernel) / stride) + 1; `ceil` rounds up. All are at most kMaxNetSide.
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
  // A window that extends past the edge may cover no input at all, and then has no maximum.
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

ShapeError too_many_weights() {
  return ShapeError("more than " + std::to_string(kMaxNetElements) + " weights");
}

void check_work(std::int64_t window_elements, const Extent& out) {
  if (window_elements > kMaxNetElements / out.channels) throw too_many_weights();
  if (window_elements > kMaxNetMultiplyAdds / out.elements()) throw ShapeError("too many multiply-adds");
}

std::vector<std::uint64_t> dims(std::initializer_list<std::int64_t> sizes) {
  return {sizes.begin(), sizes.end()};
}

// Shapes of a layer's parameters, as ParameterInfo::shape; empty if it has none.
struct ParameterShapes {
  std::vector<std::uint64_t> weights;
  std::vector<std::uint64_t> bias;
};

// ---- the table

// The row of a kind: a kind without a row, or without a part of one, does not compile.
//   name(spec)                      the first word of its lines
//   learned(spec)                   how its parameters start and learn; nullptr if it has none
//   parameters(spec, in)            their shapes
//   out(spec, in)                   the output's extent; throws ShapeError
//   multiply_adds(spec, in, out)    of one image's forward pass
template <typename Spec>
struct KindRow;

struct WithoutParameters {
  template <typename Spec>
  static const ParameterSpec* learned(const Spec& /*spec*/) {
    return nullptr;
  }
  template <typename Spec>
  static ParameterShapes parameters(const Spec& /*spec*/, const Extent& /*in*/) {
    return {};
  }
  template <typename Spec>
  static std::int64_t multiply_adds(const Spec& /*spec*/, const Extent& /*in*/, const Extent& /*out*/) {
    return 0;
  }
};

struct Elementwise : WithoutParameters {
  template <typename Spec>
  static Extent out(const Spec& /*spec*/, const Extent& in) {
    return in;
  }
};

// Filters over windows, whether positions share them or not.
struct Filters {
  static const ParameterSpec* learned(const FilterSpec& spec) { return &spec.parameters; }
  static Extent out(const FilterSpec& spec, const Extent& in) {
    if (in.channels % spec.groups != 0 || spec.filters % spec.groups != 0) {
      throw ShapeError("groups=" + std::to_string(spec.groups) + " must divide the " +
                       std::to_string(in.channels) + " input channels and the " +
                       std::to_string(spec.filters) + " filters");
    }
    const Extent out =
        checked({window_count({in.height, spec.kernel_height, spec.stride, spec.pad.top, spec.pad.bottom},
                              false, "height"),
                 window_count({in.width, spec.kernel_width, spec.stride, spec.pad.left, spec.pad.right},
                              false, "width"),
                 spec.filters});
    check_work(window_elements(spec, in), out);
    return out;
  }
  static std::int64_t multiply_adds(const FilterSpec& spec, const Extent& in, const Extent& out) {
    return out.elements() * window_elements(spec, in);
  }

 protected:
  // No overflow: at most 65535 * 65535 * 2^20 < 2^52.
  static std::int64_t window_elements(const FilterSpec& spec, const Extent& in) {
    return std::int64_t{spec.kernel_height} * spec.kernel_width * (in.channels / spec.groups);
  }
};

template <>
struct KindRow<ConvSpec> : Filters {
  static std::string_view name(const ConvSpec& /*conv*/) { return "conv"; }
  static ParameterShapes parameters(const ConvSpec& conv, const Extent& in) {
    return {dims({conv.filters, in.channels / conv.groups, conv.kernel_height, conv.kernel_width}),
            dims({conv.filters})};
  }
};

template <>
struct KindRow<LocalSpec> : Filters {
  static std::string_view name(const LocalSpec& /*local*/) { return "local"; }
  static ParameterShapes parameters(const LocalSpec& local, const Extent& in) {
    const Extent positions = out(local, in);
    return {dims({positions.height, positions.width, local.filters, in.channels / local.groups,
                  local.kernel_height, local.kernel_width}),
            dims({local.filters, positions.height, positions.width})};
  }
  static Extent out(const LocalSpec& local, const Extent& in) {
    const Extent out = Filters::out(local, in);
    // Each weight is used once for an image.
    if (multiply_adds(local, in, out) > kMaxNetElements) throw too_many_weights();
    return out;
  }
};

template <>
struct KindRow<FcSpec> {
  static std::string_view name(const FcSpec& /*fc*/) { return "fc"; }
  static const ParameterSpec* learned(const FcSpec& fc) { return &fc.parameters; }
  static ParameterShapes parameters(const FcSpec& fc, const Extent& in) {
    return {dims({fc.outputs, in.elements()}), dims({fc.outputs})};
  }
  static Extent out(const FcSpec& fc, const Extent& in) {
    const Extent out{1, 1, fc.outputs};
    check_work(in.elements(), out);
    return out;
  }
  static std::int64_t multiply_adds(const FcSpec& fc, const Extent& in, const Extent& /*out*/) {
    return in.elements() * fc.outputs;
  }
};

template <>
struct KindRow<ReluSpec> : Elementwise {
  static std::string_view name(const ReluSpec& /*relu*/) { return "relu"; }
};

template <>
struct KindRow<TanhSpec> : Elementwise {
  static std::string_view name(const TanhSpec& /*tanh*/) { return "tanh"; }
};

template <>
struct KindRow<LogisticSpec> : Elementwise {
  static std::string_view name(const LogisticSpec& /*logistic*/) { return "logistic"; }
};

template <>
struct KindRow<LrnSpec> : WithoutParameters {
  static std::string_view name(const LrnSpec& /*lrn*/) { return "lrn"; }
  static Extent out(const LrnSpec& lrn, const Extent& in) {
    if (in.channels % lrn.groups != 0) {
      throw ShapeError("groups=" + std::to_string(lrn.groups) + " must divide the " +
                       std::to_string(in.channels) + " channels");
    }
    return in;
  }
};

template <>
struct KindRow<LrnMapSpec> : Elementwise {
  static std::string_view name(const LrnMapSpec& /*lrn*/) { return "lrn-map"; }
};

template <>
struct KindRow<PoolSpec> : WithoutParameters {
  static std::string_view name(const PoolSpec& pool) {
    return pool.kind == PoolSpec::Kind::max ? "maxpool" : "avgpool";
  }
  static Extent out(const PoolSpec& pool, const Extent& in) {
    return checked({window_count({in.height, pool.kernel_height, pool.stride, pool.pad.top, pool.pad.bottom},
                                 pool.ceil, "height"),
                    window_count({in.width, pool.kernel_width, pool.stride, pool.pad.left, pool.pad.right},
                                 pool.ceil, "width"),
                    in.channels});
  }
};

template <>
struct KindRow<DropoutSpec> : Elementwise {
  static std::string_view name(const DropoutSpec& /*dropout*/) { return "dropout"; }
};

template <>
struct KindRow<SoftmaxSpec> : WithoutParameters {
  static std::string_view name(const SoftmaxSpec& /*softmax*/) { return "softmax"; }
  static Extent out(const SoftmaxSpec& /*softmax*/, const Extent& in) {
    if (in.height != 1 || in.width != 1 || in.channels < 2) {
      throw ShapeError("softmax takes 1x1xN with N of at least 2 classes, not " + text_of(in) +
                       ": expected an fc layer before it");
    }
    return in;
  }
};

// ---- asking it

// Returns question(row, spec) for the row and the spec of the kind.
template <typename Ask>
auto ask(const LayerKind& kind, const Ask& question) {
  return std::visit(
      [&]<typename Spec>(const Spec& spec) {
        static_assert(
            requires { sizeof(KindRow<Spec>); }, "a kind has no row in the table");
        return question(KindRow<Spec>(), spec);
      },
      kind);
}

template <typename... Specs>
std::vector<LayerKind> defaults_of(std::type_identity<std::variant<Specs...>> /*kinds*/) {
  return {LayerKind(Specs{})...};
}

}  // namespace

std::string text_of(const Extent& extent) {
  return std::to_string(extent.height) + "x" + std::to_string(extent.width) + "x" +
         std::to_string(extent.channels);
}

std::vector<LayerKind> layer_kinds() {
  std::vector<LayerKind> kinds = defaults_of(std::type_identity<LayerKind>());
  PoolSpec average;  // maxpool is the default
  average.kind = PoolSpec::Kind::average;
  kinds.emplace_back(average);
  return kinds;
}

std::string_view kind_name(const LayerKind& kind) {
  return ask(kind, [](auto row, const auto& spec) { return row.name(spec); });
}

const ParameterSpec* learned(const LayerKind& kind) {
  return ask(kind, [](auto row, const auto& spec) { return row.learned(spec); });
}

Extent output_extent(const LayerKind& kind, const Extent& in) {
  return ask(kind, [&](auto row, const auto& spec) { return row.out(spec, in); });
}

std::int64_t multiply_adds(const LayerSpec& layer) {
  return ask(layer.kind,
             [&](auto row, const auto& spec) { return row.multiply_adds(spec, layer.in, layer.out); });
}

std::uint64_t ParameterInfo::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::vector<ParameterInfo> parameters_of(const NetSpec& net) {
  std::vector<ParameterInfo> parameters;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerSpec& layer = net.layers[i];
    const ParameterSpec* const spec = learned(layer.kind);
    if (spec == nullptr) continue;
    ParameterShapes shapes =
        ask(layer.kind, [&](auto row, const auto& kind) { return row.parameters(kind, layer.in); });
    parameters.push_back({.name = layer.name + ".weight",
                          .shape = std::move(shapes.weights),
                          .init = spec->init,
                          .lr = spec->lr,
                          .decay = spec->decay,
                          .layer = i});
    parameters.push_back({.name = layer.name + ".bias",
                          .shape = std::move(shapes.bias),
                          .constant = spec->bias,
                          .lr = spec->bias_lr,
                          .decay = spec->bias_decay,
                          .layer = i,
                          .bias = true});
  }
  return parameters;
}

}  // namespace convoy
