#include "lib/weights/export.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "formats/tensor_values.h"
#include "formats/weights.h"
#include "lib/base/bf16.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/marks.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

constexpr std::uint16_t kF16Infinity = 0x7C00U;
constexpr std::uint16_t kBf16Infinity = 0x7F80U;

// The values in 16 bits. tensor: its name, for messages.
std::vector<std::uint16_t> narrowed(const std::vector<float>& values, DType type, const std::string& tensor,
                                    const std::string& place) {
  const bool half = type == DType::f16;
  std::vector<std::uint16_t> narrow(values.size());
  std::ranges::transform(values, narrow.begin(), [half](float value) {
    return half ? f16_from_float(value) : from_float<Bf16>(value).bits;
  });
  const std::uint16_t infinity = half ? kF16Infinity : kBf16Infinity;
  if (std::ranges::any_of(narrow, [&](std::uint16_t bits) { return (bits & 0x7FFFU) >= infinity; })) {
    throw Error(place, "tensor '" + tensor + "' holds values too large for " + std::string(dtype_name(type)));
  }
  return narrow;
}

}  // namespace

void export_weights(ImportedWeights weights, const std::string& output) {
  write_weights(output, {.model = weights.model,
                         .parameters = std::move(weights.parameters),
                         .momenta = {},
                         .metadata = std::move(weights.metadata)});
}

void export_safetensors(const ImportedWeights& weights, DType type, const std::string& output) {
  OutputFile out(output, OutputFile::Content::binary);
  const std::vector<ParameterInfo> infos = parameters_of(weights.model.net);
  std::vector<std::vector<std::uint16_t>> narrow(infos.size());
  std::vector<TensorView> tensors;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::vector<float>& values = weights.parameters.at(i);
    std::span<const std::byte> data = std::as_bytes(std::span(values));
    if (type != DType::f32) {
      narrow[i] = narrowed(values, type, infos[i].name, out.name());
      data = std::as_bytes(std::span(narrow[i]));
    }
    tensors.push_back({infos[i].name, type, infos[i].shape, data});
  }
  tensors.push_back({std::string(kMeanTensor), DType::f32, mean_shape(weights.model.net.input),
                     std::as_bytes(std::span(weights.model.mean))});
  if (weights.model.colors)
    std::ranges::move(color_tensors(*weights.model.colors), std::back_inserter(tensors));
  Metadata metadata = weights.metadata;
  metadata[kMetaFormat] = "pt";
  metadata[kMetaNet] = weights.model.net.text;
  metadata[kMetaDataset] = dataset_text(weights.model.dataset);
  metadata[kMetaVersion] = kVersion;
  write_safetensors(out, tensors, std::move(metadata));
  out.commit();
}

}  // namespace convoy
