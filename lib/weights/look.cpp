#include "lib/weights/look.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "formats/dataset_info.h"
#include "formats/tensor_values.h"
#include "formats/weights.h"
#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/marks.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/feature_file.h"
#include "lib/runs/kept_weights.h"
#include "lib/shards/mean.h"

namespace convoy {
namespace {

constexpr std::size_t kValuesAtOnce = 4096;       // stay in the cache
constexpr std::size_t kLongestMetadata = 1000;    // of a value that is shown
constexpr std::size_t kMostLossesOfAFile = 1000;  // that are named

// Calls on_part with the values of the tensor, some at a time.
template <typename OnPart>
void for_each_part(const TensorView& tensor, const OnPart& on_part) {
  const std::uint64_t count = tensor.data.size() / dtype_bytes(tensor.type);
  std::array<double, kValuesAtOnce> buffer{};
  for (std::uint64_t first = 0; first < count; first += kValuesAtOnce) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kValuesAtOnce, count - first));
    const std::span<double> part = std::span(buffer).first(size);
    copy_values(tensor, first, part);
    on_part(std::span<const double>(part));
  }
}

// The shortest text that a reader of this type turns into the same number.
std::string exact_text(double value, DType type) {
  std::array<char, 40> text{};
  const bool narrow = is_floating(type) && type != DType::f64;
  const auto [end, failure] =
      narrow ? std::to_chars(text.data(), text.data() + text.size(), static_cast<float>(value))
             : std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), failure == std::errc() ? end : text.data()};
}

void write_pair(OutputFile& out, std::string_view key, std::string_view value) {
  out.write(std::string(key) + "\t" + tsv_field(value) + "\n");
}

void write_pair(OutputFile& out, std::string_view key, std::uint64_t value) {
  write_pair(out, key, std::to_string(value));
}

// The members of the JSON object of texts in the metadata, in their order.
void write_members(OutputFile& out, std::string_view key, const std::string& text, const std::string& place) {
  const nlohmann::json object = parse_json(text, place);
  if (!object.is_object()) throw Error(place, "not an object");
  for (const auto& [name, value] : object.items()) {
    const std::string shown = value.is_string() ? value.get<std::string>() : json_text(value);
    out.write(std::string(key) + "\t" + tsv_field(name) + "\t" + tsv_field(shown) + "\n");
  }
}

std::uint64_t values_in(const SafetensorsFile& file) {
  std::uint64_t values = 0;
  for (const TensorView& tensor : file.tensors()) values += tensor.elements();
  return values;
}

// Keys whose values --info shows elsewhere.
bool is_own_key(const std::string& key) { return key.starts_with("convoy."); }

void write_net(const NetSpec& net, const std::vector<ParameterInfo>& parameters, OutputFile& out) {
  std::vector<std::uint64_t> learned(net.layers.size());
  std::uint64_t all = 0;
  for (const ParameterInfo& parameter : parameters) {
    learned[parameter.layer] += parameter.elements();
    all += parameter.elements();
  }
  write_pair(out, "input", text_of(net.input.crop));
  write_pair(out, "stored", text_of(net.input.stored));
  write_pair(out, "parameters", all);
  write_pair(out, "layers", net.layers.size());
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerSpec& layer = net.layers[i];
    out.write("layer\t" + layer.name + "\t" + std::string(kind_name(layer.kind)) + "\t" + text_of(layer.out) +
              "\t" + std::to_string(learned[i]) + "\n");
  }
}

// What weights say about their run besides its options.
void write_history(const WeightsFile& weights, OutputFile& out) {
  for (const auto& [key, meta] : {std::pair{"kept", kMetaKept}, {"initial", kMetaInitial}}) {
    if (const auto text = weights.metadata(meta))
      write_members(out, key, *text, weights.name() + ": " + meta);
  }
  for (const RecordedChange& change : read_history(weights).changes) {
    out.write(
        "change\t" + tsv_field(change.option) + "\t" +
        tsv_field("step " + std::to_string(change.step) + ": " + change.before + " -> " + change.after) +
        "\n");
  }
}

void describe_model(const WeightsFile& weights, OutputFile& out) {
  const Model& model = weights.model();
  write_net(model.net, weights.parameters(), out);
  const std::string place = weights.name() + ": metadata";
  write_members(out, "preprocessing", to_json(model.dataset.preprocessing).dump(), place);
  if (const auto seed = weights.metadata(kMetaSeed)) write_pair(out, "seed", *seed);
  if (const auto options = weights.metadata(kMetaOptions)) {
    write_members(out, "option", *options, weights.name() + ": " + kMetaOptions);
  }
  if (const auto state = weights.metadata(kMetaCheckpoint)) {
    write_members(out, "state", *state, weights.name() + ": " + kMetaCheckpoint);
  }
  write_history(weights, out);
  for (const std::string& tensor : weights.unknown()) write_pair(out, "unknown", tensor);
  write_pair(out, "classes", model.dataset.classes.size());
  for (std::size_t i = 0; i < model.dataset.classes.size(); ++i) {
    const ClassInfo& one = model.dataset.classes[i];
    out.write("class\t" + std::to_string(i) + "\t" + tsv_field(one.id) + "\t" + tsv_field(one.name) + "\n");
  }
}

void describe_mean(const MeanFile& mean, const std::string& name, OutputFile& out) {
  write_pair(out, "stored", text_of({mean.sums.height, mean.sums.width, mean.sums.channels}));
  write_pair(out, "images", mean.sums.count);
  write_members(out, "preprocessing", to_json(mean.preprocessing).dump(), name + ": metadata");
}

void describe_features(const FeatureFile& features, OutputFile& out) {
  write_pair(out, "layer", features.origin().layer);
  write_pair(out, "images", features.size());
  write_pair(out, "elements", features.elements());
  write_pair(out, "weights", features.origin().weights);
  write_pair(out, "precision", features.origin().precision);
}

// Weights that netpack --type wrote have other types, and are whole nevertheless.
WeightsFile opened(SafetensorsFile file, WeightsKind kind, const MemoryLimit& memory) {
  const bool weights = kind == WeightsKind::weights;
  return WeightsFile(std::move(file), Expected::weights, memory,
                     weights ? ParameterTypes::floating : ParameterTypes::f32);
}

// The tensor's problem; empty if its values are finite.
std::string values_problem(const TensorView& tensor, const std::string& place) {
  if (!is_floating(tensor.type) || !is_real(tensor.type)) return {};
  const std::uint64_t not_finite = tensor_statistics(tensor).not_finite;
  if (not_finite == 0) return {};
  return place + ": tensor '" + tensor.name + "' holds " + std::to_string(not_finite) +
         (not_finite == 1 ? " value that is not a finite number" : " values that are not finite numbers");
}

void verify_mean(const SafetensorsFile& file, const MemoryLimit& memory, std::vector<std::string>& losses) {
  const MeanFile mean = mean_file_from(file, memory);
  const std::vector<std::uint64_t> shape = {static_cast<std::uint64_t>(mean.sums.channels),
                                            static_cast<std::uint64_t>(mean.sums.height),
                                            static_cast<std::uint64_t>(mean.sums.width)};
  const std::string wrong = tensor_problem(file.find(kMeanTensor), kMeanTensor, shape);
  if (!wrong.empty()) {
    losses.push_back(file.name() + ": " + wrong);
    return;
  }
  const std::span<const float> stored = file.get(kMeanTensor).f32(file.name());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    if (stored[i] == round_ratio(mean.sums.sum[i], mean.sums.count)) continue;
    losses.push_back(file.name() + ": tensor 'mean' is not the mean of the sums in the file");
    return;
  }
}

// Throws Error if what the file says about the run that made it is wrong.
void verify_run(const WeightsFile& weights, WeightsKind kind) {
  static_cast<void>(read_history(weights));
  if (weights.metadata(kMetaKept)) static_cast<void>(read_kept_step(weights));
  if (kind == WeightsKind::checkpoint) {
    static_cast<void>(weights.momenta());
    static_cast<void>(read_checkpoint(weights));
  } else if (const auto options = weights.metadata(kMetaOptions)) {
    const std::string place = weights.name() + ": " + kMetaOptions;
    static_cast<void>(training_options_from_json(parse_json(*options, place), place));
  }
}

}  // namespace

WeightsKind kind_of(const SafetensorsFile& file) {
  if (file.metadata().contains(kMetaNet)) {
    return file.metadata().contains(kMetaCheckpoint) ? WeightsKind::checkpoint : WeightsKind::weights;
  }
  if (file.metadata().contains(kMetaLayer)) return WeightsKind::features;
  return file.find(kColorProductsTensor) != nullptr ? WeightsKind::mean : WeightsKind::other;
}

std::string weights_kind_name(WeightsKind kind) {
  constexpr std::array<const char*, 5> kNames = {"weights", "checkpoint", "mean", "features", "safetensors"};
  return kNames.at(static_cast<std::size_t>(kind));
}

TensorStatistics tensor_statistics(const TensorView& tensor) {
  TensorStatistics all;
  double sum = 0.0;
  bool infinite = false;
  for_each_part(tensor, [&](std::span<const double> values) {
    for (const double value : values) {
      if (std::isnan(value)) {
        ++all.not_finite;
        continue;
      }
      if (std::isinf(value)) {
        ++all.not_finite;
        infinite = true;
      }
      all.least = all.numbers == 0 ? value : std::min(all.least, value);
      all.most = all.numbers == 0 ? value : std::max(all.most, value);
      all.zeros += value == 0.0 ? 1 : 0;
      sum += value;
      ++all.numbers;
    }
  });
  if (all.numbers == 0) return all;
  const auto count = static_cast<double>(all.numbers);
  all.mean = sum / count;
  if (infinite) {
    all.deviation = std::nan("");
    return all;
  }
  double squares = 0.0;
  for_each_part(tensor, [&](std::span<const double> values) {
    for (const double value : values) {
      if (!std::isnan(value)) squares += (value - all.mean) * (value - all.mean);
    }
  });
  all.deviation = std::sqrt(squares / count);
  return all;
}

void list_tensors(const SafetensorsFile& file, OutputFile& out) {
  for (const TensorView& tensor : file.tensors()) {
    std::string line = tsv_field(tensor.name) + "\t" + shape_text(tensor.shape) + "\t" +
                       std::string(dtype_name(tensor.type)) + "\t";
    const TensorStatistics all = is_real(tensor.type) ? tensor_statistics(tensor) : TensorStatistics{};
    const std::uint64_t count = all.numbers;
    if (count == 0) {
      line += "-\t-\t-\t-\t-";
    } else {
      line += exact_text(all.least, tensor.type) + "\t" + exact_text(all.most, tensor.type) +
              format("\t%.6g\t%.6g\t%.6g", all.mean, all.deviation,
                     static_cast<double>(all.zeros) / static_cast<double>(tensor.elements()));
    }
    out.write(line + "\t" + tsv_field(file.name()) + "\n");
  }
}

void describe_weights(SafetensorsFile file, OutputFile& out, const MemoryLimit& memory) {
  const WeightsKind kind = kind_of(file);
  write_pair(out, "file", file.name());
  write_pair(out, "kind", weights_kind_name(kind));
  write_pair(out, "bytes", file.size());
  write_pair(out, "checksum", file.has_checksum() ? file.checksum() : "none");
  const auto version = file.metadata().find(kMetaVersion);
  if (version != file.metadata().end()) write_pair(out, "version", version->second);
  write_pair(out, "tensors", file.tensors().size());
  write_pair(out, "values", values_in(file));
  for (const auto& [key, value] : file.metadata()) {
    if (is_own_key(key)) continue;
    out.write("metadata\t" + tsv_field(key) + "\t" + tsv_field(shortened(value, kLongestMetadata)) + "\n");
  }
  if (kind == WeightsKind::mean) {
    describe_mean(mean_file_from(file, memory), file.name(), out);
  } else if (kind == WeightsKind::features) {
    describe_features(FeatureFile(std::move(file), memory), out);
  } else if (kind != WeightsKind::other) {
    describe_model(opened(std::move(file), kind, memory), out);
  }
}

WeightsVerdict verify_weights(SafetensorsFile file, const MemoryLimit& memory) {
  WeightsVerdict verdict;
  for (const TensorView& tensor : file.tensors()) {
    std::string problem = values_problem(tensor, file.name());
    if (problem.empty()) {
      ++verdict.whole;
    } else if (verdict.losses.size() < kMostLossesOfAFile) {
      verdict.losses.push_back(std::move(problem));
    }
  }
  const WeightsKind kind = kind_of(file);
  try {
    if (kind == WeightsKind::mean) verify_mean(file, memory, verdict.losses);
    if (kind == WeightsKind::weights || kind == WeightsKind::checkpoint) {
      verify_run(opened(std::move(file), kind, memory), kind);
    }
    if (kind == WeightsKind::features && verdict.losses.empty()) {
      static_cast<void>(FeatureFile(std::move(file), memory));
    }
  } catch (const Error& error) {
    verdict.losses.emplace_back(error.what());
  }
  return verdict;
}

}  // namespace convoy
