#include "formats/weights.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "formats/tensor_values.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

const std::string& required(const Metadata& metadata, const std::string& key, const std::string& file) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) {
    throw Error(file, "no '" + key + "' in its metadata: not a weights file of convoy");
  }
  return found->second;
}

void add_problem(std::string& all, const std::string& one) {
  if (one.empty()) return;
  all += (all.empty() ? "" : "; ") + one;
}

// What is wrong with a tensor of values that the net needs.
std::string value_problem(const TensorView* tensor, std::string_view name,
                          const std::vector<std::uint64_t>& shape, ParameterTypes types) {
  if (types == ParameterTypes::f32 || tensor == nullptr || !becomes_float(tensor->type)) {
    return tensor_problem(tensor, name, shape);
  }
  TensorView same_shape = *tensor;
  same_shape.type = DType::f32;
  return tensor_problem(&same_shape, name, shape);
}

TensorView view_of(std::string name, const std::vector<std::uint64_t>& shape, std::span<const float> values) {
  return {.name = std::move(name), .type = DType::f32, .shape = shape, .data = std::as_bytes(values)};
}

}  // namespace

std::vector<std::uint64_t> mean_shape(const InputSpec& input) {
  return {static_cast<std::uint64_t>(input.stored.channels), static_cast<std::uint64_t>(input.stored.height),
          static_cast<std::uint64_t>(input.stored.width)};
}

WeightsFile::WeightsFile(const std::string& path, Expected expected, const MemoryLimit& memory)
    : WeightsFile(SafetensorsFile(path, expected, memory), expected, memory) {}

WeightsFile::WeightsFile(SafetensorsFile file, Expected expected, const MemoryLimit& memory,
                         ParameterTypes types)
    : file_(std::move(file)) {
  const Metadata& metadata = file_.metadata();
  if (!metadata.contains(kMetaNet) && file_.find(kColorProductsTensor) != nullptr) {
    throw Error(name(), wrong_file("a mean file", expected));
  }
  if (metadata.contains(kMetaLayer)) throw Error(name(), wrong_file("a file of features", expected));
  model_.net = parse_net(required(metadata, kMetaNet, name()), name() + ": net");
  model_.dataset = parse_dataset_info(required(metadata, kMetaDataset, name()), name(),
                                      name() + ": " + kMetaDataset, 0, memory);
  parameters_ = parameters_of(model_.net);

  std::string wrong;
  for (const ParameterInfo& parameter : parameters_) {
    add_problem(wrong, value_problem(file_.find(parameter.name), parameter.name, parameter.shape, types));
  }
  const std::vector<std::uint64_t> shape = mean_shape(model_.net.input);
  add_problem(wrong, value_problem(file_.find(kMeanTensor), kMeanTensor, shape, types));
  const bool has_colors = file_.find(kColorDeviationsTensor) != nullptr &&
                          (types == ParameterTypes::f32 || color_statistics_problem(file_).empty());
  if (has_colors) add_problem(wrong, color_statistics_problem(file_));
  if (!wrong.empty()) throw Error(name(), wrong);

  for (const ParameterInfo& parameter : parameters_) {
    const TensorView& tensor = file_.get(parameter.name);
    values_.push_back(tensor.type == DType::f32 ? tensor.f32(name()) : std::span<const float>{});
  }
  const TensorView& mean = file_.get(kMeanTensor);
  require_counted_memory(mean.elements() * sizeof(float), memory, name(),
                         "values of the mean image " + shape_text(shape));
  model_.mean = float_values(mean, name());
  if (has_colors) model_.colors = read_color_statistics(file_);
  std::set<std::string> known = {std::string(kMeanTensor)};
  if (has_colors) known.insert({std::string(kColorEigenvectorsTensor), std::string(kColorDeviationsTensor)});
  for (const ParameterInfo& parameter : parameters_) {
    known.insert(parameter.name);
    known.insert(std::string(kMomentumPrefix) + parameter.name);
  }
  for (const TensorView& tensor : file_.tensors()) {
    if (!known.contains(tensor.name)) unknown_.push_back(tensor.name);
  }
}

std::vector<std::span<const float>> WeightsFile::momenta() const {
  std::string wrong;
  std::vector<std::span<const float>> values;
  for (const ParameterInfo& parameter : parameters_) {
    const std::string tensor = std::string(kMomentumPrefix) + parameter.name;
    const TensorView* found = file_.find(tensor);
    const std::string one = tensor_problem(found, tensor, parameter.shape);
    add_problem(wrong, one);
    if (one.empty()) values.push_back(found->f32(name()));
  }
  if (!wrong.empty()) throw Error(name(), wrong);
  return values;
}

std::optional<std::string> WeightsFile::metadata(const std::string& key) const {
  const auto found = file_.metadata().find(key);
  if (found == file_.metadata().end()) return std::nullopt;
  return found->second;
}

void write_weights(const std::string& path, const WeightsContent& content) {
  const std::vector<ParameterInfo> parameters = parameters_of(content.model.net);
  std::vector<TensorView> tensors;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    tensors.push_back(view_of(parameters[i].name, parameters[i].shape, content.parameters.at(i)));
  }
  tensors.push_back(
      view_of(std::string(kMeanTensor), mean_shape(content.model.net.input), content.model.mean));
  if (content.model.colors)
    std::ranges::move(color_tensors(*content.model.colors), std::back_inserter(tensors));
  for (std::size_t i = 0; i < content.momenta.size(); ++i) {
    tensors.push_back(view_of(std::string(kMomentumPrefix) + parameters.at(i).name, parameters[i].shape,
                              content.momenta[i]));
  }
  Metadata metadata = content.metadata;
  metadata[kMetaFormat] = "pt";
  metadata[kMetaNet] = content.model.net.text;
  metadata[kMetaDataset] = dataset_text(content.model.dataset);
  metadata[kMetaVersion] = kVersion;
  OutputFile out(path, OutputFile::Content::binary);
  write_safetensors(out, tensors, metadata);
  out.commit();
}

}  // namespace convoy
