#include "lib/runs/run_setup.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"

namespace convoy {
namespace {

constexpr std::string_view kWeightsSuffix = ".safetensors";
constexpr std::string_view kCheckpointSuffix = ".checkpoint.safetensors";

}  // namespace

void check_writable(const std::string& path) {
  std::error_code failure;
  const auto status = std::filesystem::status(path, failure);
  const bool special = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status) &&
                       !std::filesystem::is_directory(status);
  if (special) return;  // opening a FIFO would already tell its reader something
  const OutputFile probe(path, OutputFile::Content::binary);
}

std::string default_checkpoint(const std::string& output) {
  if (output == kStdStreamName) return {};
  const bool suffixed = output.size() > kWeightsSuffix.size() && output.ends_with(kWeightsSuffix);
  return output.substr(0, output.size() - (suffixed ? kWeightsSuffix.size() : 0)) +
         std::string(kCheckpointSuffix);
}

MeanImage read_mean(const std::string& path, const InputSpec& input) {
  const SafetensorsFile file(path);
  const std::string wrong = tensor_problem(file.find(kMeanTensor), kMeanTensor, mean_shape(input));
  if (!wrong.empty()) {
    throw Error(file.name(), wrong + " (channels, height, width of the stored images that the net takes)");
  }
  const std::span<const float> values = file.get(kMeanTensor).f32(file.name());
  require_finite(values, kMeanTensor, file.name());
  MeanImage mean{.values = {values.begin(), values.end()}, .preprocessing = std::nullopt};
  const auto text = file.metadata().find(kMetaPreprocessing);
  if (text != file.metadata().end()) {
    mean.preprocessing = preprocessing_from_json(parse_json(text->second, file.name()), file.name());
  }
  return mean;
}

MeanImage choose_mean(const std::string& path, const NetSpec& net, const WeightsFile* resumed) {
  if (path.empty() && resumed != nullptr) return {resumed->model().mean, std::nullopt};
  if (path.empty()) {
    throw UsageError::about("--mean",
                            "--mean=FILE is missing: make it with meanimg; --mean=none subtracts nothing");
  }
  MeanImage mean;
  if (path == "none") {
    mean.values.resize(static_cast<std::size_t>(net.input.stored.elements()));
  } else {
    mean = read_mean(path, net.input);
  }
  if (resumed != nullptr && mean.values != resumed->model().mean) {
    throw Error(resumed->name(), "the checkpoint was trained with another mean than --mean=" + path);
  }
  return mean;
}

void check_mean(const MeanImage& mean, const std::string& path, const Dataset& training, Console& console) {
  if (!mean.preprocessing) return;
  const std::string difference = preprocessing_difference(*mean.preprocessing, training.info().preprocessing);
  if (!difference.empty()) {
    console.warn(path + ": of images prepared in another way than the training set: " + difference);
  }
}

LabelScan check_training_set(const Dataset& data, const NetSpec& net, Console& console) {
  if (data.size() == 0) throw Error("the training set has no records");
  const std::string& name = data.shards().front().name();  // the others agree with it
  check_extent(data.info(), net.input, name);
  const auto outputs = static_cast<std::size_t>(net.classes());
  const std::size_t classes = data.info().classes.size();
  if (classes > outputs) {
    throw Error(name, "has " + count_of(classes, "class") + ", the net only " + count_of(outputs, "output"));
  }
  LabelScan labels = scan_labels(data, net.classes());
  if (classes < outputs) {
    console.note(name + ": " + count_of(classes, "class") + ", the net has " + count_of(outputs, "output") +
                 ": the rest stays unused");
  }
  return labels;
}

void check_labelled_set(const Dataset& data, const Model& model, const std::string& owner, Console& console) {
  const std::string& name = data.shards().front().name();
  if (data.size() == 0) throw Error(name, "has no records");
  check_extent(data.info(), model.net.input, name);
  // Another table explains labels out of range; missing labels explain a missing table.
  const bool has_classes = !data.info().classes.empty();
  if (has_classes) check_classes(data.info().classes, name, model.dataset.classes, owner);
  (void)scan_labels(data, model.net.classes());
  if (!has_classes) check_classes(data.info().classes, name, model.dataset.classes, owner);
  const std::string difference =
      preprocessing_difference(data.info().preprocessing, model.dataset.preprocessing);
  if (!difference.empty()) {
    console.warn(name + ": prepared in another way than " + owner + ": " + difference);
  }
}

void check_resumable(const WeightsFile& file, const TrainingState& state, const NetSpec& net,
                     const Dataset& data, const LabelScan& labels) {
  if (net.text != file.model().net.text) {
    throw Error(file.name(), "the checkpoint is of another net than --net");
  }
  if (state.records != data.size()) {
    throw Error(file.name(), "the checkpoint is of a training set of " + count_of(state.records, "record") +
                                 ", this one has " + std::to_string(data.size()));
  }
  check_classes(data.info().classes, data.shards().front().name(), file.model().dataset.classes, file.name());
  if (state.fingerprint != labels.fingerprint) {
    throw Error(file.name(), "the checkpoint is of another training set, or of its shards in another order");
  }
}

std::vector<std::string> reports_left_out(const TrainingState& before, const TrainingState& now) {
  constexpr const char* kLeftOut = " was given before, and is not now";
  std::vector<std::string> left_out;
  if (before.validates && !now.validates) left_out.push_back(std::string("--val") + kLeftOut);
  if (before.logs && !now.logs) left_out.push_back(std::string("--log") + kLeftOut);
  return left_out;
}

}  // namespace convoy
