#include "lib/runs/mean_image.h"

#include <nlohmann/json.hpp>

#include "formats/safetensors_checksum.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/runs/labels.h"
#include "lib/shards/mean.h"

namespace convoy {

MeanImage read_mean(const std::string& path, const InputSpec& input, const MemoryLimit& memory) {
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
                 .has_checksum = file.has_checksum()};
  const auto text = file.metadata().find(kMetaPreprocessing);
  if (text != file.metadata().end()) {
    mean.preprocessing = preprocessing_from_json(parse_json(text->second, file.name()), file.name());
  }
  return mean;
}

MeanImage choose_mean(const std::string& path, const NetSpec& net, const WeightsFile* resumed,
                      const MemoryLimit& memory) {
  constexpr std::uint64_t kMeans = 2;  // this one, and that of the model
  const Extent& stored = net.input.stored;
  require_counted_memory(kMeans * sizeof(float) * static_cast<std::uint64_t>(stored.elements()), memory,
                         "net", "mean images of " + text_of(stored));
  if (path.empty() && resumed != nullptr) return {.values = resumed->model().mean};
  require_mean(path);
  MeanImage mean;
  if (path == "none") {
    mean.values.resize(static_cast<std::size_t>(net.input.stored.elements()));
  } else {
    mean = read_mean(path, net.input, memory);
  }
  if (resumed != nullptr && mean.values != resumed->model().mean) {
    throw Error(resumed->name(), "the checkpoint was trained with another mean than --mean=" + path);
  }
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
