// The weights file: a safetensors file with the parameters of a net and the mean that it was trained with,
// and in its metadata everything that eval and predict need. Documented in man/convoy-weights.5.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/color_statistics.h"
#include "formats/dataset_info.h"
#include "formats/net.h"
#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/base/marks.h"

namespace convoy {

inline constexpr std::string_view kMeanTensor = "mean";
inline constexpr std::string_view kMomentumPrefix = "momentum.";

// Keys of __metadata__, with those of lib/base/marks.h.
inline constexpr const char* kMetaFormat = "format";  // "pt", which PyTorch's readers look for
inline constexpr const char* kMetaOptions = "convoy.options";
inline constexpr const char* kMetaSeed = "convoy.seed";
inline constexpr const char* kMetaVersion = "convoy.version";

// A trained net, apart from its parameters.
struct Model {
  NetSpec net;
  DatasetInfo dataset;                         // of the training set: class table, stored size, preprocessing
  std::vector<float> mean;                     // subtracted from stored pixels: [C, H, W] of the stored size
  std::optional<ColorStatistics> colors = {};  // of the training set, if the training had colour noise
};

// The types that parameters and the mean may have: F32 alone, or every one that becomes F32, as other
// programs and netpack --type write them.
enum class ParameterTypes { f32, floating };

// A weights file or a checkpoint, mapped.
class WeightsFile {
 public:
  // Throws Error naming the file and every parameter that is missing, or whose type or shape does not match
  // the net in the file.
  // expected: weights, or a checkpoint, for the message if the file is something else. memory: what its
  // header and its mean may take; tensors are mapped.
  explicit WeightsFile(const std::string& path, Expected expected = Expected::weights,
                       const MemoryLimit& memory = {});
  // The same of a file that is open already, such as one from a pipe.
  explicit WeightsFile(SafetensorsFile file, Expected expected = Expected::weights,
                       const MemoryLimit& memory = {}, ParameterTypes types = ParameterTypes::f32);

  [[nodiscard]] const SafetensorsFile& file() const { return file_; }
  [[nodiscard]] const std::string& name() const { return file_.name(); }
  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const std::vector<ParameterInfo>& parameters() const { return parameters_; }
  // Values in the canonical layout; the index is that in parameters_of(net). Empty if the type is not F32.
  [[nodiscard]] std::span<const float> parameter(std::size_t index) const { return values_.at(index); }
  // The momenta, in the same order, which only checkpoints have. Throws Error naming what is missing.
  [[nodiscard]] std::vector<std::span<const float>> momenta() const;
  // Tensors that the net does not have; nothing uses them.
  [[nodiscard]] const std::vector<std::string>& unknown() const { return unknown_; }
  // Throws Error if a value of the tensor is infinite or not a number, or if there is no such tensor.
  void require_finite(std::string_view tensor) const { file_.require_finite(tensor); }
  // Whether the file has a checksum, which then is right.
  [[nodiscard]] bool has_checksum() const { return file_.has_checksum(); }
  // A value of the metadata, or nothing.
  [[nodiscard]] std::optional<std::string> metadata(const std::string& key) const;

 private:
  SafetensorsFile file_;
  Model model_;
  std::vector<ParameterInfo> parameters_;
  std::vector<std::span<const float>> values_;
  std::vector<std::string> unknown_;
};

// The shape of the mean that the net's input needs: [C, H, W] of the stored size.
[[nodiscard]] std::vector<std::uint64_t> mean_shape(const InputSpec& input);

// The content of a file to write. Parameters and momenta are indexed as parameters_of(model.net); `momenta`
// is empty for a weights file.
struct WeightsContent {
  const Model& model;
  std::vector<std::vector<float>> parameters;
  std::vector<std::vector<float>> momenta;
  Metadata metadata;  // besides that of the model
};

// Writes the file and commits it. The bytes are a function of the content alone.
void write_weights(const std::string& path, const WeightsContent& content);

}  // namespace convoy
