#include "lib/weights/extract.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/weights.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/json.h"
#include "lib/base/lines.h"
#include "lib/base/marks.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

const std::string& metadata_of(const SafetensorsFile& file, const char* key, const char* what) {
  const auto found = file.metadata().find(key);
  if (found != file.metadata().end()) return found->second;
  throw Error(file.name(), std::string("no ") + what + ": there is no '" + key + "' in its metadata");
}

DatasetInfo dataset_of(const SafetensorsFile& file, const MemoryLimit& memory) {
  return parse_dataset_info(metadata_of(file, kMetaDataset, "class table"), file.name(),
                            file.name() + ": " + kMetaDataset, 0, memory);
}

void write_text(const std::string& text, const std::string& output) {
  OutputFile out(output, OutputFile::Content::text);
  out.write(text);
  out.commit();
}

// A net that cannot be read is written nevertheless: perhaps to mend it.
void extract_net(const SafetensorsFile& file, const std::string& output) {
  write_text(metadata_of(file, kMetaNet, "net"), output);
}

void extract_classes(const SafetensorsFile& file, const std::string& output, const MemoryLimit& memory) {
  const DatasetInfo dataset = dataset_of(file, memory);
  if (dataset.classes.empty()) throw Error(file.name(), "its class table is empty");
  std::string text;
  for (const ClassInfo& one : dataset.classes) {
    text += one.id + (one.name.empty() ? "" : "\t" + one.name) + "\n";
  }
  write_text(text, output);
}

void extract_options(const SafetensorsFile& file, const std::string& output) {
  const std::string place = file.name() + ": " + kMetaOptions;
  const nlohmann::json options = parse_json(metadata_of(file, kMetaOptions, "options"), place);
  if (!options.is_object()) throw Error(place, "not an object");
  std::string text;
  for (const auto& [name, value] : options.items()) {
    if (!value.is_string()) throw Error(place, "the value of '" + name + "' is not a text");
    const std::string line = name + "=" + value.get<std::string>();
    if (has_control(line)) throw Error(place, "'" + name + "' has a control character");
    text += line + "\n";
  }
  write_text(text, output);
}

void extract_mean(const SafetensorsFile& file, const std::string& output, const MemoryLimit& memory) {
  const TensorView& mean = file.get(kMeanTensor);
  if (mean.type != DType::f32 || mean.shape.size() != 3) {
    throw Error(file.name(), "tensor 'mean' is " + std::string(dtype_name(mean.type)) + " " +
                                 shape_text(mean.shape) + ", expected F32 [C,H,W]");
  }
  file.require_finite(kMeanTensor);
  Metadata metadata = {{kMetaFormat, "pt"}, {kMetaVersion, kVersion}};
  const auto preprocessing = file.metadata().find(kMetaPreprocessing);
  if (preprocessing != file.metadata().end()) {
    metadata[kMetaPreprocessing] = preprocessing->second;
  } else if (file.metadata().contains(kMetaDataset)) {
    metadata[kMetaPreprocessing] = to_json(dataset_of(file, memory).preprocessing).dump();
  }
  std::vector<TensorView> tensors = {mean};
  // Without them, --color-noise cannot be repeated.
  if (file.find(kColorDeviationsTensor) != nullptr && color_statistics_problem(file).empty()) {
    for (const std::string_view name : {kColorEigenvectorsTensor, kColorDeviationsTensor}) {
      tensors.push_back(file.get(name));
    }
  }
  OutputFile out(output, OutputFile::Content::binary);
  write_safetensors(out, tensors, metadata);
  out.commit();
}

}  // namespace

void extract_part(const SafetensorsFile& file, WeightsPart part, const std::string& output,
                  const MemoryLimit& memory) {
  switch (part) {
    case WeightsPart::net:
      return extract_net(file, output);
    case WeightsPart::classes:
      return extract_classes(file, output, memory);
    case WeightsPart::mean:
      return extract_mean(file, output, memory);
    case WeightsPart::options:
      return extract_options(file, output);
  }
}

}  // namespace convoy
