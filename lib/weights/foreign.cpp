#include "lib/weights/foreign.h"

#include <algorithm>
#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>
#include <utility>

#include "formats/caffemodel.h"
#include "formats/safetensors_checksum.h"
#include "formats/tensor_values.h"
#include "lib/base/content.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/lines.h"
#include "lib/base/marks.h"
#include "lib/weights/caffe_source.h"
#include "lib/weights/torchvision.h"

namespace convoy {
namespace {

// What is said of two tensors that would have one name.
std::string same_name(const std::string& name) { return "two tensors would be called '" + name + "'"; }

// Of weights of convoy: what is read as the mean and the colours, and what is of no use without the state of
// the run.
bool is_no_parameter(std::string_view name, const SafetensorsFile& file, bool has_colors) {
  if (name == kMeanTensor) return true;
  if (name == kColorDeviationsTensor || name == kColorEigenvectorsTensor) return has_colors;
  return name.starts_with(kMomentumPrefix) && file.find(name.substr(kMomentumPrefix.size())) != nullptr;
}

ForeignWeights from_safetensors(const std::shared_ptr<SafetensorsFile>& file, const MemoryLimit& memory) {
  ForeignWeights weights;
  weights.place = file->name();
  for (const TensorView& view : file->tensors()) {
    weights.tensors.push_back(
        {view.name, view.shape, [file, &view] { return float_values(view, file->name()); }});
  }
  const Metadata& metadata = file->metadata();
  if (metadata.contains(kMetaNet)) {
    weights.net = metadata.at(kMetaNet);
    if (const auto dataset = metadata.find(kMetaDataset); dataset != metadata.end()) {
      weights.dataset =
          parse_dataset_info(dataset->second, file->name(), file->name() + ": " + kMetaDataset, 0, memory);
    }
    if (file->find(kMeanTensor) != nullptr) {
      require_counted_memory(sizeof(float) * file->get(kMeanTensor).elements(), memory, file->name(),
                             "values of the mean");
      weights.mean = float_values(file->get(kMeanTensor), file->name());
    }
    // If another program gave them another type, they are left out, and that is said.
    if (color_statistics_problem(*file).empty()) weights.colors = read_color_statistics(*file);
    weights.metadata = metadata;
    for (const std::string_view key :
         {std::string_view(kMetaFormat), std::string_view(kMetaNet), std::string_view(kMetaDataset),
          std::string_view(kMetaVersion), std::string_view(kMetaCheckpoint), kMetaChecksum}) {
      weights.metadata.erase(std::string(key));
    }
    std::erase_if(weights.tensors, [&](const ForeignTensor& tensor) {
      return is_no_parameter(tensor.name, *file, weights.colors.has_value());
    });
  } else {
    recognise_torchvision(weights);
  }
  return weights;
}

}  // namespace

ForeignWeights read_foreign(const std::string& path, const std::optional<Extent>& stored,
                            const MemoryLimit& memory) {
  MappedFile file(path);
  const auto content = content_of(as_u8(file.bytes()));
  const bool known = is_safetensors(file.bytes()) || content;
  if (known ? content && content->is == Expected::caffe_model : is_caffemodel(file.bytes())) {
    return from_caffemodel(std::make_shared<MappedFile>(std::move(file)), stored);
  }
  return from_safetensors(std::make_shared<SafetensorsFile>(std::move(file), Expected::weights, memory),
                          memory);
}

std::vector<Rename> parse_renames(std::string_view text, std::string_view place) {
  std::vector<Rename> renames;
  std::set<std::string, std::less<>> from;
  std::set<std::string, std::less<>> to;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    check_name_line(line, place, number);
    check_printable(line, place, number);
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos || line.find('\t', tab + 1) != std::string_view::npos) {
      throw TextError(place, number, 0, "expected the tensor's name in the file, a TAB, and its new name");
    }
    Rename rename{std::string(line.substr(0, tab)), std::string(line.substr(tab + 1)), number};
    if (!from.insert(rename.from).second) {
      throw TextError(place, number, 0, "'" + rename.from + "' is renamed twice");
    }
    if (!to.insert(rename.to).second) throw TextError(place, number, 0, same_name(rename.to));
    renames.push_back(std::move(rename));
  });
  return renames;
}

void rename_tensors(ForeignWeights& weights, const std::vector<Rename>& renames, std::string_view place) {
  std::unordered_map<std::string, std::size_t> indices;
  for (std::size_t i = 0; i < weights.tensors.size(); ++i) indices.emplace(weights.tensors[i].name, i);
  std::vector<std::string> names;
  for (const ForeignTensor& tensor : weights.tensors) names.push_back(tensor.name);
  for (const Rename& rename : renames) {
    const auto found = indices.find(rename.from);
    if (found == indices.end()) {
      throw TextError(place, rename.line, 1, "no tensor '" + rename.from + "' in " + weights.place);
    }
    names[found->second] = rename.to;
  }
  std::set<std::string, std::less<>> once;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!once.insert(names[i]).second) throw Error(place, same_name(names[i]));
    weights.tensors[i].name = std::move(names[i]);
  }
}

}  // namespace convoy
