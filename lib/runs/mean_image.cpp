#include "lib/runs/mean_image.h"

#include <nlohmann/json.hpp>

#include "formats/safetensors_checksum.h"
#include "lib/base/count.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/runs/labels.h"
#include "lib/shards/mean.h"

namespace convoy {

namespace {

constexpr const char* kNoise = "--color-noise";

void require_colors(const InputSpec& input) {
  const int channels = input.stored.channels;
  if (channels == static_cast<int>(kColors)) return;
  throw UsageError(kNoise, "is for nets that take three colours; this one takes " +
                               count_of(static_cast<std::uint64_t>(channels), "channel"));
}

ColorStatistics colors_of(const SafetensorsFile& file) {
  if (const std::string wrong = color_statistics_problem(file); !wrong.empty()) {
    throw Error(file.name(), wrong + ": " + kNoise + " needs the colour statistics that meanimg writes");
  }
  return read_color_statistics(file);
}

// The mean of the checkpoint, or of the weights that the run begins with.
MeanImage mean_of(const WeightsFile& resumed, WantedColors wanted) {
  const Model& model = resumed.model();
  if (wanted == WantedColors::yes && !model.colors) {
    throw UsageError(kNoise, "needs colour statistics, which " + resumed.name() +
                                 " does not hold, as its run had no such noise: give --mean=FILE, too, "
                                 "which meanimg wrote");
  }
  return {.values = model.mean, .colors = model.colors};
}

}  // namespace

MeanImage read_mean(const std::string& path, const InputSpec& input, WantedColors wanted,
                    const MemoryLimit& memory) {
  const SafetensorsFile file(path, Expected::mean, memory);
  refuse_weights(file);
  const std::string wrong = tensor_problem(file.find(kMeanTensor), kMeanTensor, mean_shape(input));
  if (!wrong.empty()) {
    throw Error(file.name(), wrong + " (channels, height, width of the stored images that the net takes)");
  }
  const std::span<const float> values = file.get(kMeanTensor).f32(file.name());
  file.require_finite(kMeanTensor);
  MeanImage mean{.values = {values.begin(), values.end()},
                 .preprocessing = std::nullopt,
                 .colors = std::nullopt,
                 .has_checksum = file.has_checksum()};
  if (wanted == WantedColors::yes) mean.colors = colors_of(file);
  const auto text = file.metadata().find(kMetaPreprocessing);
  if (text != file.metadata().end()) {
    mean.preprocessing = preprocessing_from_json(parse_json(text->second, file.name()), file.name());
  }
  return mean;
}

MeanImage choose_mean(const std::string& path, const NetSpec& net, const WeightsFile* resumed,
                      WantedColors wanted, const MemoryLimit& memory) {
  constexpr std::uint64_t kMeans = 2;  // this one, and that of the model
  const Extent& stored = net.input.stored;
  require_counted_memory(kMeans * sizeof(float) * static_cast<std::uint64_t>(stored.elements()), memory,
                         "net", "mean images of " + text_of(stored));
  if (wanted == WantedColors::yes) require_colors(net.input);
  if (path.empty() && resumed != nullptr) return mean_of(*resumed, wanted);
  require_mean(path);
  MeanImage mean;
  if (path == "none") {
    if (wanted == WantedColors::yes) {
      throw UsageError(kNoise,
                       "needs --mean=FILE, which meanimg wrote: its colour statistics make the noise");
    }
    mean.values.resize(static_cast<std::size_t>(net.input.stored.elements()));
  } else {
    mean = read_mean(path, net.input, wanted, memory);
  }
  if (resumed == nullptr) return mean;
  const Model& before = resumed->model();
  const bool other_colors = mean.colors && before.colors && mean.colors != before.colors;
  if (mean.values != before.mean || other_colors) {
    throw Error(resumed->name(), "the checkpoint was trained with another mean than --mean=" + path);
  }
  if (!mean.colors) mean.colors = before.colors;
  return mean;
}

void require_mean(const std::string& path) {
  if (!path.empty()) return;
  throw UsageError::about("--mean",
                          "--mean=FILE is missing: make it with meanimg; --mean=none subtracts nothing");
}

void check_mean(const MeanImage& mean, const std::string& path, const Dataset& training, Console& console) {
  note_checksum(mean.has_checksum, display_name(path), console);
  if (!mean.preprocessing) return;
  const std::string difference = preprocessing_difference(*mean.preprocessing, training.info().preprocessing);
  if (!difference.empty()) {
    console.warn(path + ": of images prepared in another way than the training set: " + difference);
  }
}

}  // namespace convoy
