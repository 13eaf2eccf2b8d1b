#include "lib/weights/onnx_export.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "formats/onnx.h"
#include "lib/base/checked.h"
#include "lib/base/error.h"
#include "lib/base/marks.h"
#include "lib/base/version.h"
#include "lib/runs/sampling.h"

namespace convoy {
namespace {

using Ints = std::vector<std::int64_t>;

constexpr std::uint64_t kMostTableValues = std::uint64_t{1} << 26;  // 256 MiB

constexpr const char* kInput = "images";
constexpr const char* kOutput = "probabilities";

class NetExporter {
 public:
  NetExporter(ImportedWeights& weights, OnnxGraph& graph)
      : weights_(weights), graph_(graph), net_(weights.model.net), infos_(parameters_of(net_)) {}

  void run() {
    begin();
    for (std::size_t i = 0; i < net_.layers.size(); ++i) {
      layer_ = &net_.layers[i];
      index_ = i;
      std::visit([&](const auto& spec) { add(spec); }, layer_->kind);
    }
  }

 private:
  // ---- what is before the first layer

  void begin() {
    const Extent& stored = net_.input.stored;
    const Extent& crop = net_.input.crop;
    current_ = kInput;
    graph_.set_input(current_, Ints{stored.channels, stored.height, stored.width},
                     "stored images: C, H, W, values 0 to 255" +
                         std::string(stored.channels == 3 ? ", R before G before B" : ""));
    const Crop place = center_crop(net_.input);
    if (stored != crop) {
      current_ =
          graph_.node("Slice",
                      {current_, graph_.constant("input.starts", Ints{place.top, place.left}),
                       graph_.constant("input.ends", Ints{place.top + crop.height, place.left + crop.width}),
                       graph_.constant("input.axes", Ints{2, 3})},
                      "input.crop");
    }
    current_ = graph_.node("Sub", {current_, mean(place)}, "input");
  }

  // The mean of the pixels that are left, as a constant.
  std::string mean(const Crop& place) {
    const Extent& stored = net_.input.stored;
    const Extent& crop = net_.input.crop;
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(crop.elements()));
    for (int c = 0; c < crop.channels; ++c) {
      for (int y = 0; y < crop.height; ++y) {
        const std::int64_t row =
            (std::int64_t{c} * stored.height + place.top + y) * stored.width + place.left;
        const auto from = weights_.model.mean.begin() + static_cast<std::ptrdiff_t>(row);
        values.insert(values.end(), from, from + crop.width);
      }
    }
    return graph_.constant("input.mean", Ints{1, crop.channels, crop.height, crop.width}, values);
  }

  // ---- helpers of layers

  // The name of what the layer gives. No layer has a dot in its name, so other values have one; but those
  // that users of the file name have none.
  [[nodiscard]] std::string name() const {
    const std::string& layer = layer_->name;
    return layer == kInput || layer == kOutput ? layer + ".layer" : layer;
  }
  // A name for a value or a constant of the layer.
  [[nodiscard]] std::string named(const char* part) const { return name() + "." + part; }

  // The parameters of the layer, which are used up: weights or biases.
  std::vector<float> take(bool bias) {
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      if (infos_[i].layer == index_ && infos_[i].bias == bias) return std::move(weights_.parameters[i]);
    }
    return {};  // not reached: each such layer has both
  }

  // Activations as [N, C, H, W], and as [N, C * H * W].
  void make_image(const Extent& extent) {
    if (!flat_) return;
    current_ = graph_.node(
        "Reshape",
        {current_, graph_.constant(named("shape"), Ints{0, extent.channels, extent.height, extent.width})},
        named("image"));
    flat_ = false;
  }
  void make_flat() {
    if (flat_) return;
    current_ = graph_.node("Flatten", {current_}, named("flat"), {{"axis", 1}});
    flat_ = true;
  }

  // Throws Error if a table that the layer has in ONNX alone would be too large: its elements are channels
  // times window times others.
  void require_table(std::int64_t channels, std::int64_t window, std::int64_t others) const {
    const auto size = [](std::int64_t extent) { return static_cast<std::uint64_t>(extent); };
    const std::uint64_t values = saturating_mul(saturating_mul(size(channels), size(window)), size(others));
    if (values <= kMostTableValues) return;
    throw Error("net",
                "layer '" + layer_->name + "': its window is too large for what ONNX needs instead of it");
  }

  // One number that every value is combined with.
  std::string number(const char* part, double value) {
    const auto single = static_cast<float>(value);
    return graph_.constant(named(part), flat_ ? Ints{1, 1} : Ints{1, 1, 1, 1}, std::span(&single, 1));
  }

  // ---- layers

  void add(const ConvSpec& conv) {
    make_image(layer_->in);
    const std::vector<float> weights = take(false);
    const std::vector<float> biases = take(true);
    const std::string kernel = graph_.constant(
        named("weight"),
        Ints{conv.filters, layer_->in.channels / conv.groups, conv.kernel_height, conv.kernel_width},
        weights);
    const std::string bias = graph_.constant(named("bias"), Ints{conv.filters}, biases);
    const Padding& pad = conv.pad;
    current_ = graph_.node("Conv", {current_, kernel, bias}, name(),
                           {{"kernel_shape", Ints{conv.kernel_height, conv.kernel_width}},
                            {"strides", Ints{conv.stride, conv.stride}},
                            {"pads", Ints{pad.top, pad.left, pad.bottom, pad.right}},
                            {"group", conv.groups}});
  }

  void add(const FcSpec& fc) {
    make_flat();
    const std::vector<float> weights = take(false);
    const std::vector<float> biases = take(true);
    const std::string kernel =
        graph_.constant(named("weight"), Ints{fc.outputs, layer_->in.elements()}, weights);
    const std::string bias = graph_.constant(named("bias"), Ints{fc.outputs}, biases);
    current_ = graph_.node("Gemm", {current_, kernel, bias}, name(), {{"transB", 1}});
  }

  // ONNX has no operator of this kind. A convolution with filters that are 1 at one place and else 0 puts
  // what each window sees behind one another; then each position, and each group of it, is a group of its own
  // of a convolution of a single pixel.
  void add(const LocalSpec& local) {
    make_image(layer_->in);
    const std::int64_t channels = layer_->in.channels;
    const std::int64_t window = std::int64_t{local.kernel_height} * local.kernel_width;
    const std::int64_t positions = std::int64_t{layer_->out.height} * layer_->out.width;
    const std::int64_t filters = local.filters;
    const Padding& pad = local.pad;
    require_table(channels, window, window);
    std::vector<float> ones(static_cast<std::size_t>(channels * window * window));
    for (std::int64_t i = 0; i < channels * window; ++i) {
      ones[static_cast<std::size_t>(i * window + i % window)] = 1.0F;
    }
    const std::string places = graph_.constant(
        named("places"), Ints{channels * window, 1, local.kernel_height, local.kernel_width}, ones);
    current_ = graph_.node("Conv", {current_, places}, named("windows"),
                           {{"kernel_shape", Ints{local.kernel_height, local.kernel_width}},
                            {"strides", Ints{local.stride, local.stride}},
                            {"pads", Ints{pad.top, pad.left, pad.bottom, pad.right}},
                            {"group", channels}});
    current_ = graph_.node("Transpose", {current_}, named("pixels"), {{"perm", Ints{0, 2, 3, 1}}});
    const Ints row = {0, positions * channels * window, 1, 1};
    current_ = graph_.node("Reshape", {current_, graph_.constant(named("row"), row)}, named("rows"));
    const std::vector<float> weights = take(false);
    const std::string kernel = graph_.constant(
        named("weight"), Ints{positions * filters, channels / local.groups * window, 1, 1}, weights);
    current_ = graph_.node("Conv", {current_, kernel}, named("products"),
                           {{"kernel_shape", Ints{1, 1}}, {"group", positions * local.groups}});
    const Ints grid = {0, layer_->out.height, layer_->out.width, filters};
    current_ = graph_.node("Reshape", {current_, graph_.constant(named("grid"), grid)}, named("positions"));
    current_ = graph_.node("Transpose", {current_}, named("maps"), {{"perm", Ints{0, 3, 1, 2}}});
    const std::vector<float> biases = take(true);
    const std::string bias =
        graph_.constant(named("bias"), Ints{1, filters, layer_->out.height, layer_->out.width}, biases);
    current_ = graph_.node("Add", {current_, bias}, name());
  }

  void add(const ReluSpec& /*relu*/) { current_ = graph_.node("Relu", {current_}, name()); }
  // OpenCV's tanh of more than 44 is not a number. In single precision that of 20 is 1.
  void add(const TanhSpec& /*tanh*/) {
    constexpr float kEnd = 20.0F;
    const auto end = [&](const char* part, float value) {
      return graph_.constant(named(part), Ints{}, std::span(&value, 1));
    };
    current_ = graph_.node("Clip", {current_, end("least", -kEnd), end("most", kEnd)}, named("clipped"));
    current_ = graph_.node("Tanh", {current_}, name());
  }
  void add(const LogisticSpec& /*logistic*/) { current_ = graph_.node("Sigmoid", {current_}, name()); }

  // ONNX divides the sum by the size, as window=mean does. Groups of channels are normalised each by itself.
  // OpenVINO takes the whole part of the bias alone, so one that has another is made 1: what is divided by
  // (k + a s)^beta is what is divided by (1 + a / k s)^beta, times k^-beta.
  void add(const LrnSpec& lrn) {
    make_image(layer_->in);
    const bool whole = lrn.k == std::trunc(lrn.k);
    const double unit = whole ? 1.0 : lrn.k;
    const double alpha = (lrn.mean ? lrn.alpha : lrn.alpha * lrn.size) / unit;
    const auto normalise = [&](const std::string& from, const std::string& to) {
      return graph_.node("LRN", {from}, to,
                         {{"alpha", alpha}, {"beta", lrn.beta}, {"bias", lrn.k / unit}, {"size", lrn.size}});
    };
    const std::string quotient = whole ? name() : named("quotient");
    if (lrn.groups == 1) {
      current_ = normalise(current_, quotient);
    } else {
      std::vector<std::string> parts;
      std::vector<std::string> results;
      for (int g = 0; g < lrn.groups; ++g) {
        parts.push_back(named("part") + std::to_string(g));
        results.push_back(named("group") + std::to_string(g));
      }
      const Ints sizes(parts.size(), layer_->in.channels / lrn.groups);
      graph_.node("Split", std::vector{current_, graph_.constant(named("sizes"), sizes)}, parts,
                  {{"axis", 1}});
      for (std::size_t g = 0; g < parts.size(); ++g) normalise(parts[g], results[g]);
      graph_.node("Concat", results, std::vector{quotient}, {{"axis", 1}});
      current_ = quotient;
    }
    if (!whole) {
      current_ = graph_.node("Mul", {current_, number("unit", std::pow(lrn.k, -lrn.beta))}, name());
    }
  }

  // ONNX has no operator of this kind. A convolution of each channel's squares with equal weights is the sum
  // over a window, in which padding is zero, as outside of the image; its bias is k.
  void add(const LrnMapSpec& lrn) {
    make_image(layer_->in);
    const int channels = layer_->in.channels;
    const int reach = lrn.size / 2;
    const double area = static_cast<double>(lrn.size) * lrn.size;
    require_table(channels, lrn.size, lrn.size);
    const auto weight = static_cast<float>(lrn.mean ? lrn.alpha / area : lrn.alpha);
    const std::vector<float> weights(static_cast<std::size_t>(channels * area), weight);
    const std::vector<float> biases(static_cast<std::size_t>(channels), static_cast<float>(lrn.k));
    const std::string kernel =
        graph_.constant(named("weight"), Ints{channels, 1, lrn.size, lrn.size}, weights);
    const std::string bias = graph_.constant(named("bias"), Ints{channels}, biases);
    const std::string squares = graph_.node("Mul", {current_, current_}, named("squares"));
    const std::string sum = graph_.node("Conv", {squares, kernel, bias}, named("sum"),
                                        {{"kernel_shape", Ints{lrn.size, lrn.size}},
                                         {"strides", Ints{1, 1}},
                                         {"pads", Ints{reach, reach, reach, reach}},
                                         {"group", channels}});
    const std::string divisor = graph_.node("Pow", {sum, number("beta", lrn.beta)}, named("divisor"));
    current_ = graph_.node("Div", {current_, divisor}, name());
  }

  // Padding never is the largest value, nor counted in a mean: windows that hang over become padding, since
  // not every program rounds up.
  void add(const PoolSpec& pool) {
    make_image(layer_->in);
    const auto behind = [&](int out, int in, int kernel, int before, int after) {
      return std::max(after, (out - 1) * pool.stride + kernel - before - in);
    };
    const Padding& pad = pool.pad;
    const Ints pads = {pad.top, pad.left,
                       behind(layer_->out.height, layer_->in.height, pool.kernel_height, pad.top, pad.bottom),
                       behind(layer_->out.width, layer_->in.width, pool.kernel_width, pad.left, pad.right)};
    const bool largest = pool.kind == PoolSpec::Kind::max;
    current_ = graph_.node(largest ? "MaxPool" : "AveragePool", {current_}, name(),
                           {{"kernel_shape", Ints{pool.kernel_height, pool.kernel_width}},
                            {"strides", Ints{pool.stride, pool.stride}},
                            {"pads", pads}});
  }

  void add(const DropoutSpec& dropout) {
    if (!dropout.scale_at_test) return;
    current_ = graph_.node("Mul", {current_, number("kept", 1.0 - dropout.drop)}, name());
  }

  void add(const SoftmaxSpec& /*softmax*/) {
    make_flat();
    current_ = graph_.node("Softmax", {current_}, kOutput, {{"axis", 1}});
    graph_.set_output(current_, Ints{net_.classes()}, "of each class, in the order of the class table");
  }

  // A kind that has no case of its own.
  template <typename Spec>
  void add(const Spec& /*spec*/) {
    throw Error("net", "layer '" + layer_->name + "': ONNX has no operators for " +
                           std::string(kind_name(layer_->kind)));
  }

  ImportedWeights& weights_;
  OnnxGraph& graph_;
  const NetSpec& net_;
  std::vector<ParameterInfo> infos_;
  const LayerSpec* layer_ = nullptr;
  std::size_t index_ = 0;
  std::string current_;  // the value that the next layer takes
  bool flat_ = false;    // whether it is [N, C * H * W]
};

}  // namespace

void export_onnx(ImportedWeights weights, const std::string& output) {
  OutputFile out(output, OutputFile::Content::binary);
  OnnxGraph graph("convoy", "convoy", kVersion);
  NetExporter(weights, graph).run();
  graph.set_metadata(kMetaNet, weights.model.net.text);
  graph.set_metadata(kMetaDataset, dataset_text(weights.model.dataset));
  graph.write(out);
  out.commit();
}

}  // namespace convoy
