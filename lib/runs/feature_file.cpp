#include "lib/runs/feature_file.h"

#include <nlohmann/json.hpp>

#include "formats/dataset_info.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/mapped_temporary.h"
#include "lib/base/marks.h"
#include "lib/base/text.h"
#include "lib/base/version.h"
#include "lib/base/xxh3.h"

namespace convoy {
namespace {

constexpr const char* kFeaturesTensor = "features";
constexpr const char* kNamesTensor = "names";
constexpr const char* kMetaWeights = "convoy.weights";
constexpr const char* kMetaPrecision = "convoy.precision";
constexpr std::size_t kSpooledAtOnce = std::size_t{1} << 18;

}  // namespace

std::string weights_digest(const WeightsFile& weights) {
  const Model& model = weights.model();
  Xxh3 hash;
  // Lengths keep one text from running into the next.
  for (const std::string& text : {model.net.text, to_json(model.dataset.preprocessing).dump()}) {
    const std::uint64_t length = text.size();
    hash.add(std::as_bytes(std::span(&length, 1)));
    hash.add(as_bytes_of(text));
  }
  hash.add(std::as_bytes(std::span(model.mean)));
  for (std::size_t i = 0; i < weights.parameters().size(); ++i) hash.add(std::as_bytes(weights.parameter(i)));
  return format("%016llx", static_cast<unsigned long long>(hash.value()));
}

void FeatureWriter::Spool::add(std::span<const std::byte> bytes) {
  waiting_.insert(waiting_.end(), bytes.begin(), bytes.end());
  bytes_ += bytes.size();
  if (waiting_.size() >= kSpooledAtOnce) flush();
}

void FeatureWriter::Spool::flush() {
  file_.append(waiting_);
  waiting_.clear();
}

FeatureWriter::FeatureWriter(const std::string& output, std::size_t elements)
    : out_(output, OutputFile::Content::binary), elements_(elements) {}

std::string FeatureWriter::refusal(std::string_view name) {
  if (name.find('\0') == std::string_view::npos) return {};
  return "its name holds a NUL byte, which ends names in a file of features";
}

void FeatureWriter::add(const std::string& name, std::span<const float> row) {
  if (const std::string reason = refusal(name); !reason.empty()) throw Error(out_.name(), reason);
  features_.add(std::as_bytes(row));
  names_.add(std::as_bytes(std::span(name.c_str(), name.size() + 1)));
  ++rows_;
}

void FeatureWriter::commit(const FeatureOrigin& origin) {
  features_.flush();
  names_.flush();
  const MappedTemporary features(features_.file(), features_.bytes());
  const MappedTemporary names(names_.file(), names_.bytes());
  const std::vector<TensorView> tensors = {
      {.name = kFeaturesTensor, .type = DType::f32, .shape = {rows_, elements_}, .data = features.bytes()},
      {.name = kNamesTensor, .type = DType::u8, .shape = {names_.bytes()}, .data = names.bytes()}};
  write_safetensors(out_, tensors,
                    {{kMetaFormat, "pt"},
                     {kMetaLayer, origin.layer},
                     {kMetaWeights, origin.weights},
                     {kMetaPrecision, origin.precision},
                     {kMetaVersion, kVersion}});
  out_.commit();
}

FeatureFile::FeatureFile(const std::string& path, const MemoryLimit& memory)
    : FeatureFile(SafetensorsFile(path, Expected::features, memory), memory) {}

FeatureFile::FeatureFile(SafetensorsFile file, const MemoryLimit& memory) : file_(std::move(file)) {
  const auto metadata = [&](const char* key) {
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) {
      throw Error(name(), file_.metadata().contains(kMetaNet)
                              ? wrong_file("a weights file", Expected::features)
                              : "no '" + std::string(key) + "' in its metadata: not a file of features");
    }
    return found->second;
  };
  origin_ = {.layer = metadata(kMetaLayer),
             .weights = metadata(kMetaWeights),
             .precision = metadata(kMetaPrecision)};
  const TensorView& features = file_.get(kFeaturesTensor);
  rows_ = features.f32(name());
  if (features.shape.size() != 2 || rows_.empty()) {
    throw Error(name(), "features are not images x elements: " + shape_text(features.shape));
  }
  file_.require_finite(kFeaturesTensor);
  elements_ = features.shape[1];
  const std::uint64_t images = features.shape[0];

  const TensorView& names = file_.get(kNamesTensor);
  if (names.type != DType::u8 || names.shape.size() != 1) throw Error(name(), "names are not bytes");
  names_ = as_text(names.data);
  require_counted_memory(images * sizeof(std::uint64_t), memory, name(), "places of the names");
  ends_.reserve(images);
  for (std::size_t end = names_.find('\0'); end != std::string_view::npos && ends_.size() < images;
       end = names_.find('\0', end + 1)) {
    ends_.push_back(end);
  }
  if (ends_.size() != images || ends_.back() + 1 != names_.size()) {
    throw Error(name(), "names are not one for each of " + std::to_string(images) + " images, ended by NUL");
  }
}

std::string_view FeatureFile::image(std::uint64_t row) const {
  const std::uint64_t begin = row == 0 ? 0 : ends_.at(row - 1) + 1;
  return names_.substr(begin, ends_.at(row) - begin);
}

}  // namespace convoy
