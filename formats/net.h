// The net format: a text, one layer per line; see man/convoy-net.5.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace convoy {

inline constexpr std::uint64_t kMaxNetBytes = std::uint64_t{1} << 20;
inline constexpr int kMaxLayers = 255;
// A net's text may come from a stranger's weights file. Within these limits no product of sizes overflows 64
// bits, and the number of elements of an array fits 32.
inline constexpr int kMaxNetSide = 65535;        // height or width of a layer, window, stride and padding
inline constexpr int kMaxNetChannels = 1 << 20;  // channels, filters, outputs, groups
// Activations of one layer and image; weights of one layer.
inline constexpr int kMaxNetElements = 2147483647;
inline constexpr std::int64_t kMaxNetMultiplyAdds = std::int64_t{1} << 50;  // of one layer and image
inline constexpr std::size_t kMaxLayerName = 64;

// Height, width, channels of one image's activations.
struct Extent {
  int height = 0;
  int width = 0;
  int channels = 0;
  [[nodiscard]] std::int64_t elements() const { return std::int64_t{height} * width * channels; }
  bool operator==(const Extent&) const = default;
};

[[nodiscard]] std::string text_of(const Extent& extent);  // "224x224x3"

struct Padding {
  int top = 0;
  int left = 0;
  int bottom = 0;
  int right = 0;
  bool operator==(const Padding&) const = default;
};

// How a layer's parameters start and learn. Factors multiply the run's learning rate and weight decay.
struct ParameterSpec {
  double init = 0.01;       // standard deviation of the initial weights (init=)
  double bias = 0.0;        // initial biases (bias=)
  double lr = 1.0;          // lr=
  double bias_lr = 1.0;     // bias-lr=
  double decay = 1.0;       // decay=
  double bias_decay = 0.0;  // bias-decay=: the original decays no biases
};

struct InputSpec {
  Extent crop;    // what the net sees
  Extent stored;  // from=: size of the stored images that the crop is cut from; equal to crop if not given
};
// Filters that see a window of the input at each position.
struct FilterSpec {
  int filters = 0;
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  Padding pad;
  int groups = 1;
  ParameterSpec parameters;
};
struct ConvSpec : FilterSpec {};   // the same filters at every position
struct LocalSpec : FilterSpec {};  // each position has its own filters and biases
struct FcSpec {
  int outputs = 0;
  ParameterSpec parameters;
};
struct ReluSpec {};
struct TanhSpec {};
struct LogisticSpec {};
// b = a / (k + alpha * S)^beta over `size` neighbouring channels; S is the sum of squares (window=sum, the
// paper) or that sum divided by `size` (window=mean: the 2012 source, Caffe, PyTorch, oneDNN).
struct LrnSpec {
  int size = 5;
  double k = 2.0;
  double alpha = 1e-4;
  double beta = 0.75;
  bool mean = false;
  int groups = 1;  // equal parts of the channels; a window ends at the borders of its part
};
// The same over a window of size x size pixels of one channel; S is the sum of squares, or that sum divided
// by size^2 (window=mean: cuda-convnet, the 2012 source, Caffe). The defaults are those of the 2012 source,
// run 145.
struct LrnMapSpec {
  int size = 5;
  double k = 1.0;
  double alpha = 1e-3;
  double beta = 0.75;
  bool mean = true;
};
// With ceil=on (cuda-convnet) windows may extend past the bottom and right edges; they see only the input.
struct PoolSpec {
  enum class Kind { max, average };
  Kind kind = Kind::max;
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  Padding pad;
  bool ceil = false;
};
struct DropoutSpec {
  double drop = 0.5;           // probability that an activation becomes zero
  bool scale_at_test = false;  // scale=test: masks alone in training, activations times (1 - drop) at test
};
struct SoftmaxSpec {};

using LayerKind = std::variant<ConvSpec, LocalSpec, FcSpec, ReluSpec, TanhSpec, LogisticSpec, LrnSpec,
                               LrnMapSpec, PoolSpec, DropoutSpec, SoftmaxSpec>;

struct LayerSpec {
  std::string name;  // given ("conv1"), or the kind and a number ("relu1")
  LayerKind kind;
  Extent in;     // inferred
  Extent out;    // inferred; a fully-connected layer's output is 1 x 1 x outputs
  int line = 0;  // in the text, for messages
};

struct NetSpec {
  std::string text;  // as read
  InputSpec input;
  std::vector<LayerSpec> layers;  // the last one is the softmax
  [[nodiscard]] int classes() const { return layers.back().out.channels; }
};

// The kind as the first word of a layer's line: "conv", "maxpool".
[[nodiscard]] std::string_view kind_name(const LayerKind& kind);
// How the kind's parameters start and learn; nullptr if it has none.
[[nodiscard]] const ParameterSpec* learned(const LayerKind& kind);

// One learned tensor, in the order of the net: weights, then bias, of each layer that has parameters.
struct ParameterInfo {
  std::string name;  // "conv1.weight", "conv1.bias"
  // Of weights: conv [out, in/groups, kh, kw], local [P, Q, out, in/groups, kh, kw] for P x Q positions, fc
  // [out, in] with `in` flattened C,H,W. Of biases: [out], local [out, P, Q].
  std::vector<std::uint64_t> shape;
  double init = 0.0;      // standard deviation of the normal draw; 0: constant
  double constant = 0.0;  // initial value if init is 0
  double lr = 1.0;
  double decay = 1.0;
  std::size_t layer = 0;  // index into NetSpec::layers
  bool bias = false;      // of the layer, after its weights
  [[nodiscard]] std::uint64_t elements() const;
};
[[nodiscard]] std::vector<ParameterInfo> parameters_of(const NetSpec& net);

// Parses the text and infers all shapes. Throws TextError(place, line, column, what was expected).
[[nodiscard]] NetSpec parse_net(std::string_view text, std::string_view place);

// A multiply-add is two floating-point operations.
inline constexpr std::int64_t kFlopPerMultiplyAdd = 2;
// Multiply-adds of one image's forward pass in a layer (0 for layers without products).
[[nodiscard]] std::int64_t multiply_adds(const LayerSpec& layer);

}  // namespace convoy
