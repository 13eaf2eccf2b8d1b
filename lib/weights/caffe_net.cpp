// The layers of a .caffemodel as a net of convoy.
#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <unordered_map>

#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/weights/caffe_source.h"

namespace convoy {
namespace {

// Layers that read images, or that a net which is used does not need.
constexpr auto kPassedOver =
    std::to_array<std::string_view>({"Data", "ImageData", "HDF5Data", "WindowData", "MemoryData", "DummyData",
                                     "Input", "Accuracy", "Silence", "Split", "Flatten"});

class NetWriter {
 public:
  NetWriter(const CaffeModel& model, const std::string& place) : model_(model), place_(place) {
    for (const CaffeLayer& layer : model.layers) {
      if ((layer.type != "Flatten" && layer.type != "Split") || layer.bottom.size() != 1) continue;
      for (const std::string& top : layer.top) passed_on_[top] = renamed(layer.bottom.front());
    }
  }

  std::string text(const std::optional<Extent>& stored) {
    const Extent input = input_extent();
    std::string text = "# made from " + one_line(place_) + "\ninput " + text_of(input);
    if (stored && (stored->height != input.height || stored->width != input.width)) {
      text += " from=" + std::to_string(stored->height) + "x" + std::to_string(stored->width);
    }
    text += '\n';
    for (const CaffeLayer& layer : model_.layers) {
      if (layer.training_only || is_passed_over(layer)) continue;
      if (softmax_ && layer.type.starts_with("Softmax")) continue;  // the loss, beside the probabilities
      follow(layer);
      if (softmax_) refuse(layer, "comes behind the softmax");
      text += line_of(layer) + "\n";
    }
    if (!softmax_) text += "softmax\n";
    return text;
  }

 private:
  [[noreturn]] void refuse(const CaffeLayer& layer, const std::string& reason) const {
    throw Error(place_, "layer '" + layer.name + "' (" + layer.type + ") " + reason);
  }

  static std::string one_line(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < ' '; }, '?');
    return is_utf8(text) ? text : "a .caffemodel";
  }

  static bool is_passed_over(const CaffeLayer& layer) {
    return std::ranges::find(kPassedOver, layer.type) != kPassedOver.end();
  }

  // Layers must take what the one before gives. Flatten and Split give what they take.
  void follow(const CaffeLayer& layer) {
    const bool loss = layer.type == "SoftmaxWithLoss";  // which takes labels as well
    if (layer.bottom.size() != (loss ? 2U : 1U) && layer.bottom.size() != 1) {
      refuse(layer, "has " + std::to_string(layer.bottom.size()) + " inputs: a net of convoy is one chain");
    }
    if (!top_.empty() && renamed(layer.bottom.front()) != top_) {
      refuse(layer, "takes '" + layer.bottom.front() + "', not '" + top_ +
                        "', which the layer before it gives: a net of convoy is one chain");
    }
    if (layer.top.size() == 1) top_ = layer.top.front();
  }

  // What a Flatten or a Split makes of the layer before it counts as that layer's.
  std::string renamed(const std::string& bottom) const {
    const auto found = passed_on_.find(bottom);
    return found == passed_on_.end() ? bottom : found->second;
  }

  Extent input_extent() const {
    std::vector<std::int64_t> shape = model_.input_shape;
    std::uint32_t crop = 0;
    int channels = 0;
    for (const CaffeLayer& layer : model_.layers) {
      if (shape.empty()) shape = layer.input_shape;
      if (crop == 0) crop = layer.crop;
      if (channels == 0 && layer.type == "Convolution" && !layer.blobs.empty() &&
          layer.blobs.front().shape.size() == 4) {
        const std::uint64_t all = layer.blobs.front().shape[1] * layer.groups;
        if (all <= static_cast<std::uint64_t>(kMaxNetChannels)) channels = static_cast<int>(all);
      }
    }
    const auto side = [](std::int64_t extent) { return extent >= 1 && extent <= kMaxNetSide; };
    if (shape.size() == 4 && side(shape[1]) && side(shape[2]) && side(shape[3])) {
      return {static_cast<int>(shape[2]), static_cast<int>(shape[3]), static_cast<int>(shape[1])};
    }
    if (crop >= 1 && crop <= static_cast<std::uint32_t>(kMaxNetSide) && channels >= 1) {
      return {static_cast<int>(crop), static_cast<int>(crop), channels};
    }
    throw Error(place_, "its layers do not say the size of their input: give --net=FILE");
  }

  static std::string pair(const std::array<std::uint32_t, 2>& extents) {
    return std::to_string(extents[0]) + "x" + std::to_string(extents[1]);
  }

  // " stride=S pad=P", without what is the default.
  std::string moves(const CaffeLayer& layer, bool say_stride) const {
    const CaffeWindow& window = layer.window;
    if (window.stride[0] != window.stride[1]) refuse(layer, "has strides " + pair(window.stride));
    std::string text;
    if (say_stride || window.stride[0] != 1) text += " stride=" + std::to_string(window.stride[0]);
    const std::string high = std::to_string(window.pad[0]);
    const std::string wide = std::to_string(window.pad[1]);
    if (high != wide) return text + " pad=" + high + "," + wide + "," + high + "," + wide;
    return window.pad[0] == 0 ? text : text + " pad=" + high;
  }

  std::string conv(const CaffeLayer& layer) const {
    if (layer.dilated) refuse(layer, "is dilated: convoy has no such layer");
    if (layer.blobs.empty()) refuse(layer, "has no parameters");
    return "conv " + caffe_layer_name(layer.name) + " " + std::to_string(layer.outputs) + " " +
           pair(layer.window.kernel) + moves(layer, false) +
           (layer.groups == 1 ? "" : " groups=" + std::to_string(layer.groups));
  }

  std::string fc(const CaffeLayer& layer) const {
    if (layer.axis != 1) refuse(layer, "has axis " + std::to_string(layer.axis) + ", not 1");
    if (layer.blobs.empty()) refuse(layer, "has no parameters");
    return "fc " + caffe_layer_name(layer.name) + " " + std::to_string(layer.outputs);
  }

  // Caffe rounds the number of windows up. What hangs over is not counted in a mean, but padding is.
  std::string pool(const CaffeLayer& layer) const {
    using Pool = CaffeLayer::Pool;
    if (layer.pool == Pool::other) refuse(layer, "draws at random: convoy has no such layer");
    if (layer.global_pool) refuse(layer, "pools the whole image: give --net=FILE");
    const bool padded = layer.window.pad[0] != 0 || layer.window.pad[1] != 0;
    if (layer.pool == Pool::average && padded)
      refuse(layer, "counts padding in the mean: convoy has no such layer");
    return std::string(layer.pool == Pool::max ? "maxpool " : "avgpool ") + pair(layer.window.kernel) +
           moves(layer, true) + (layer.pool_rounds_down ? "" : " ceil=on");
  }

  // The shortest text that is read as the same float.
  static std::string number(float value) {
    std::array<char, 40> text{};
    const auto [end, failure] = std::to_chars(text.data(), text.data() + text.size(), value);
    return {text.data(), failure == std::errc() ? end : text.data()};
  }

  std::string lrn(const CaffeLayer& layer) const {
    if (layer.lrn.within_channel) {  // its k is 1, whatever the file says
      return "lrn-map size=" + std::to_string(layer.lrn.size) + " k=1 alpha=" + number(layer.lrn.alpha) +
             " beta=" + number(layer.lrn.beta) + " window=mean";
    }
    return "lrn size=" + std::to_string(layer.lrn.size) + " k=" + number(layer.lrn.k) +
           " alpha=" + number(layer.lrn.alpha) + " beta=" + number(layer.lrn.beta) + " window=mean";
  }

  std::string line_of(const CaffeLayer& layer) {
    if (layer.type == "Convolution") return conv(layer);
    if (layer.type == "InnerProduct") return fc(layer);
    if (layer.type == "Pooling") return pool(layer);
    if (layer.type == "LRN") return lrn(layer);
    if (layer.type == "TanH") return "tanh";
    if (layer.type == "Sigmoid") return "logistic";
    if (layer.type == "ReLU") {
      if (layer.negative_slope != 0.0F) refuse(layer, "has a slope below 0: convoy has no such layer");
      return "relu";
    }
    if (layer.type == "Dropout") {
      return "dropout " + number(layer.drop) + (layer.scale_at_test ? " scale=test" : "");
    }
    if (layer.type == "Softmax" || layer.type == "SoftmaxWithLoss") {
      softmax_ = true;
      return "softmax";
    }
    refuse(layer, "is of a type that no layer of convoy has");
  }

  const CaffeModel& model_;
  const std::string& place_;
  std::unordered_map<std::string, std::string> passed_on_;
  std::string top_;  // what the last layer gave; empty before the first
  bool softmax_ = false;
};

}  // namespace

std::string caffe_net_text(const CaffeModel& model, const std::optional<Extent>& stored,
                           const std::string& place) {
  return NetWriter(model, place).text(stored);
}

}  // namespace convoy
