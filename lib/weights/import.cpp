#include "lib/weights/import.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <utility>

#include "formats/list.h"
#include "lib/base/count.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/base/options.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kNamedTensors = 5;  // of many, in a message

std::vector<double> numbers_in(std::string_view text, double least) {
  std::vector<double> numbers;
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    numbers.push_back(parse_real(text.substr(0, comma), "--normalize", least, 1e9));
    if (comma == text.size()) return numbers;
    text.remove_prefix(comma + 1);
  }
}

// As many numbers as there are channels, of one or of that many.
std::vector<double> for_channels(std::vector<double> numbers, std::size_t channels, const char* what,
                                 const std::string& place) {
  if (numbers.size() == 1) numbers.resize(channels, numbers.front());
  if (numbers.size() == channels) return numbers;
  throw Error(place, std::to_string(numbers.size()) + " " + what + " for an input of " +
                         count_of(channels, "channel"));
}

// What is known of images that are stored in this size, if nothing else says how they are prepared.
void fit_to(const Extent& stored, DatasetInfo& dataset) {
  dataset.width = stored.width;
  dataset.height = stored.height;
  dataset.channels = stored.channels;
  dataset.preprocessing.size = stored.width == stored.height ? stored.width : 0;
  dataset.preprocessing.gray = stored.channels == 1;
}

// The shape without its extents of 1, which programs write differently.
std::vector<std::uint64_t> squeezed(std::vector<std::uint64_t> shape) {
  std::erase(shape, 1U);
  return shape;
}

// Multiplies the weights of each input channel by its scale, and puts the channels in reverse order first if
// they are reversed. weights: [outputs, channels, pixels of one].
void adapt(std::vector<float>& weights, std::size_t channels, std::size_t pixels, const ForeignInput& input) {
  const std::size_t block = channels * pixels;
  for (std::size_t at = 0; at + block <= weights.size(); at += block) {
    const std::span<float> one = std::span(weights).subspan(at, block);
    for (std::size_t c = 0; input.reversed && c < channels / 2; ++c) {
      std::ranges::swap_ranges(one.subspan(c * pixels, pixels),
                               one.subspan((channels - 1 - c) * pixels, pixels));
    }
    for (std::size_t c = 0; !input.scale.empty() && c < channels; ++c) {
      for (float& weight : one.subspan(c * pixels, pixels)) {
        weight = static_cast<float>(static_cast<double>(weight) * input.scale[c]);
      }
    }
  }
}

// Pixels of the window that the first layer sees of one channel. Throws Error if it is a layer that cannot
// take the scale and the order of channels.
std::size_t first_window(const NetSpec& net) {
  const auto product = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); };
  const LayerKind& first = net.layers.front().kind;
  const auto* conv = std::get_if<ConvSpec>(&first);
  if (conv != nullptr && conv->groups == 1) return product(conv->kernel_height, conv->kernel_width);
  if (std::holds_alternative<FcSpec>(first)) return product(net.input.crop.height, net.input.crop.width);
  throw Error(
      "net",
      "its first layer must be a conv without groups, or an fc: its weights take the order of the channels "
      "and the scale of the pixels from the other program");
}

class Importer {
 public:
  Importer(ForeignWeights& weights, const NetSpec& net) : weights_(weights), net_(net) {
    for (const ForeignTensor& tensor : weights.tensors) tensors_.emplace(tensor.name, &tensor);
  }

  std::vector<std::vector<float>> parameters(const std::vector<ParameterInfo>& infos) {
    std::vector<std::vector<float>> all;
    std::string wrong;
    const std::size_t window = changes_input() ? first_window(net_) : 0;
    const auto channels = static_cast<std::size_t>(net_.input.crop.channels);
    for (const ParameterInfo& info : infos) {
      std::string problem = shape_problem(info);
      if (problem.empty()) {
        std::vector<float> values = tensors_.at(info.name)->read();
        if (info.layer == 0 && !info.bias && window != 0) adapt(values, channels, window, weights_.input);
        if (!all_finite(values)) {
          problem = "tensor '" + info.name + "' holds values that are not finite numbers";
        }
        all.push_back(std::move(values));
      }
      if (!problem.empty()) wrong += (wrong.empty() ? "" : "; ") + problem;
    }
    if (!wrong.empty()) throw Error(weights_.place, wrong);
    return all;
  }

  // Warns of tensors that the net does not have.
  void name_unknown(const std::vector<ParameterInfo>& infos, Console& console) const {
    std::set<std::string_view> known;
    for (const ParameterInfo& info : infos) known.insert(info.name);
    std::vector<std::string> first;
    std::uint64_t count = 0;
    for (const ForeignTensor& tensor : weights_.tensors) {
      if (known.contains(tensor.name)) continue;
      if (++count <= kNamedTensors) first.push_back(tensor.name);
    }
    if (count == 0) return;
    console.warn(weights_.place + ": left out what the net does not have: " + count_of(count, "tensor") +
                 " (" + first_of(first, count) + ")");
  }

 private:
  [[nodiscard]] bool changes_input() const {
    return (weights_.input.reversed && net_.input.crop.channels > 1) || !weights_.input.scale.empty();
  }

  // Empty if the file has a tensor of the parameter's name and shape.
  [[nodiscard]] std::string shape_problem(const ParameterInfo& info) const {
    const auto found = tensors_.find(info.name);
    if (found == tensors_.end()) return "tensor '" + info.name + "' is missing";
    const std::vector<std::uint64_t>& shape = found->second->shape;
    if (squeezed(shape) == squeezed(info.shape)) return {};
    return "tensor '" + info.name + "' is " + shape_text(shape) + ", not " + shape_text(info.shape);
  }

  ForeignWeights& weights_;
  const NetSpec& net_;
  std::unordered_map<std::string_view, const ForeignTensor*> tensors_;
};

DatasetInfo dataset_of(const ForeignWeights& weights, const ImportRules& rules, const NetSpec& net) {
  DatasetInfo dataset;
  if (weights.dataset) {
    dataset = *weights.dataset;
  } else {
    dataset.classes = numbered_classes(net.classes());
  }
  // The net may be another than that of the file.
  if (Extent{dataset.height, dataset.width, dataset.channels} != net.input.stored) {
    fit_to(net.input.stored, dataset);
  }
  if (!rules.classes.empty()) dataset.classes = rules.classes;
  const auto classes = static_cast<std::size_t>(net.classes());
  if (dataset.classes.size() != classes && !dataset.classes.empty()) {
    throw Error(rules.classes.empty() ? weights.place : "--classes",
                count_of(dataset.classes.size(), "class") + " in the table, and " + std::to_string(classes) +
                    " outputs of the net");
  }
  check_dataset_info(dataset, weights.place);
  return dataset;
}

}  // namespace

void parse_normalize(const std::string& text, ForeignInput& input) {
  constexpr double kWhite = 255.0;
  constexpr double kLeastDeviation = 1e-9;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    throw UsageError("--normalize", "'" + text + "' is not MEANS:DEVIATIONS, such as 0.5:0.25");
  }
  input.constant = numbers_in(std::string_view(text).substr(0, colon), -1e9);
  input.scale = numbers_in(std::string_view(text).substr(colon + 1), kLeastDeviation);
  for (double& mean : input.constant) mean *= kWhite;
  for (double& scale : input.scale) scale = 1.0 / (kWhite * scale);
}

ImportedWeights import_weights(ForeignWeights weights, const ImportRules& rules, Console& console,
                               const MemoryLimit& memory) {
  if (rules.net.empty() && weights.net.empty()) {
    if (!weights.derive_net) throw Error(weights.place, "it does not say what its net is: give --net=FILE");
    weights.net = weights.derive_net();
  }
  ImportedWeights imported;
  imported.model.net = rules.net.empty() ? parse_net(weights.net, weights.place + ": net")
                                         : parse_net(rules.net, rules.net_place);
  const NetSpec& net = imported.model.net;
  const std::vector<ParameterInfo> infos = parameters_of(net);
  std::uint64_t values = 2 * static_cast<std::uint64_t>(net.input.stored.elements());
  std::uint64_t largest = 0;
  for (const ParameterInfo& info : infos) {
    values += info.elements();
    largest = std::max(largest, info.elements());
  }
  require_memory(sizeof(float) * (values + largest), memory, weights.place, "the parameters of the net");

  if (!rules.normalize.empty()) parse_normalize(rules.normalize, weights.input);
  const auto channels = static_cast<std::size_t>(net.input.stored.channels);
  ForeignInput& input = weights.input;
  const std::string place = rules.normalize.empty() ? weights.place : "--normalize";
  if (!input.scale.empty()) input.scale = for_channels(input.scale, channels, "deviations", place);
  if (!input.constant.empty()) input.constant = for_channels(input.constant, channels, "means", place);
  if (!rules.channels.empty()) input.reversed = rules.channels == "bgr";

  imported.model.dataset = dataset_of(weights, rules, net);
  imported.model.mean = mean_of(weights, rules.mean, rules.channels, net.input);
  if (channels == kColors) imported.model.colors = weights.colors;
  Importer importer(weights, net);
  imported.parameters = importer.parameters(infos);
  importer.name_unknown(infos, console);
  imported.metadata = std::move(weights.metadata);
  return imported;
}

}  // namespace convoy
