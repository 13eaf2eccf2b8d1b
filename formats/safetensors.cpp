#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "formats/safetensors_checksum.h"
#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/base/json.h"

namespace convoy {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they are in the file");

constexpr std::string_view kMetadataKey = "__metadata__";
constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kHeaderAlignment = 8;
constexpr std::size_t kBytesAtOnce = std::size_t{1}
                                     << 18;  // stay in the cache while they are looked at twice

struct TypeInfo {
  DType type;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<TypeInfo, 17> kTypes = {{{DType::f64, "F64", 8},
                                              {DType::f32, "F32", 4},
                                              {DType::f16, "F16", 2},
                                              {DType::bf16, "BF16", 2},
                                              {DType::i64, "I64", 8},
                                              {DType::i32, "I32", 4},
                                              {DType::i16, "I16", 2},
                                              {DType::i8, "I8", 1},
                                              {DType::u64, "U64", 8},
                                              {DType::u32, "U32", 4},
                                              {DType::u16, "U16", 2},
                                              {DType::u8, "U8", 1},
                                              {DType::boolean, "BOOL", 1},
                                              {DType::c64, "C64", 8},
                                              {DType::f8_e4m3, "F8_E4M3", 1},
                                              {DType::f8_e5m2, "F8_E5M2", 1},
                                              {DType::f8_e8m0, "F8_E8M0", 1}}};

const TypeInfo& type_info(DType type) { return *std::ranges::find(kTypes, type, &TypeInfo::type); }

std::string named(std::string_view tensor) { return "tensor '" + std::string(tensor) + "'"; }

// Bytes of a tensor, or nothing if that does not fit in 64 bits.
std::optional<std::uint64_t> tensor_bytes(DType type, std::span<const std::uint64_t> shape) {
  std::optional<std::uint64_t> bytes = dtype_bytes(type);
  for (const std::uint64_t extent : shape) {
    bytes = checked_mul(*bytes, extent);
    if (!bytes) return std::nullopt;
  }
  return bytes;
}

// A tensor as the header describes it; offsets are relative to the end of the header.
struct Entry {
  std::string name;
  DType type = DType::f32;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

// What the header, and what is made of it, take at most. Of the members, only the one
// that is read is held as JSON.
std::uint64_t header_bytes(std::string_view text) {
  constexpr std::uint64_t kTexts = 4;  // as keys, of each value, in the metadata and tensors
  constexpr std::uint64_t kBytesAValue = 128;
  const auto values = static_cast<std::uint64_t>(std::ranges::count(text, ','));
  const auto objects = static_cast<std::uint64_t>(std::ranges::count(text, '{'));
  return kTexts * text.size() + kBytesAValue * std::min<std::uint64_t>(values, kMaxJsonValues) +
         2 * sizeof(Entry) * std::min<std::uint64_t>(objects, kMaxTensors);
}

// Reads the JSON header. Every error has the offset of the header and names the tensor.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view place) : place_(place) {}

  Metadata read_metadata(const nlohmann::json& value) const {
    if (!value.is_object()) fail("__metadata__ is not an object of texts");
    Metadata metadata;
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string()) fail("__metadata__: the value of '" + key + "' is not a text");
      metadata.emplace(key, text.get<std::string>());
    }
    return metadata;
  }

  Entry read_entry(const std::string& name, const nlohmann::json& value) const {
    const std::string tensor = named(name) + ": ";
    if (!value.is_object() || value.size() != 3 || !value.contains("dtype") || !value.contains("shape") ||
        !value.contains("data_offsets")) {
      fail(tensor + "expected an object of dtype, shape and data_offsets");
    }
    Entry entry;
    entry.name = name;
    const nlohmann::json& type = value.at("dtype");
    const std::string type_name = type.is_string() ? type.get<std::string>() : std::string();
    const auto* known = std::ranges::find(kTypes, type_name, &TypeInfo::name);
    if (known == kTypes.end()) {
      fail(tensor + "unknown dtype " + (type.is_string() ? "'" + type_name + "'" : type.dump()));
    }
    entry.type = known->type;
    entry.shape = read_numbers(value.at("shape"), tensor + "shape");
    if (entry.shape.size() > kMaxTensorDims) {
      fail(tensor + "more than " + std::to_string(kMaxTensorDims) + " dimensions");
    }
    const auto offsets = read_numbers(value.at("data_offsets"), tensor + "data_offsets");
    if (offsets.size() != 2) fail(tensor + "data_offsets are not two numbers");
    entry.begin = offsets[0];
    entry.end = offsets[1];
    return entry;
  }

  void check_count(std::size_t tensors) const {
    if (tensors > kMaxTensors) fail("more than " + std::to_string(kMaxTensors) + " tensors");
  }

  // Offsets must cover the data without holes or overlaps, and match the shapes.
  void check_layout(const std::vector<Entry>& entries, std::uint64_t data_bytes) const {
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      const std::string tensor = named(entry.name) + ": ";
      if (entry.end < entry.begin) fail(tensor + "data_offsets end before they begin");
      if (entry.begin != position) {
        fail(tensor + "begins at " + std::to_string(entry.begin) + " of the data instead of " +
             std::to_string(position) + ": tensors must neither overlap nor leave holes");
      }
      const auto bytes = tensor_bytes(entry.type, entry.shape);
      if (!bytes) fail(tensor + "its shape " + shape_text(entry.shape) + " is too large");
      if (*bytes != entry.end - entry.begin) {
        fail(tensor + std::string(dtype_name(entry.type)) + " " + shape_text(entry.shape) + " needs " +
             std::to_string(*bytes) + " bytes, data_offsets give " + std::to_string(entry.end - entry.begin));
      }
      position = entry.end;
    }
    if (position != data_bytes) {
      fail("the tensors take " + std::to_string(position) + " bytes, the file has " +
           std::to_string(data_bytes) + (position > data_bytes ? ": it is cut short" : ""));
    }
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const { throw FormatError(place_, kLengthBytes, reason); }

  std::vector<std::uint64_t> read_numbers(const nlohmann::json& value, const std::string& what) const {
    if (!value.is_array()) fail(what + " is not an array");
    std::vector<std::uint64_t> numbers;
    for (const nlohmann::json& element : value) {
      if (!element.is_number_unsigned()) fail(what + " holds something else than whole numbers");
      numbers.push_back(element.get<std::uint64_t>());
    }
    return numbers;
  }

  std::string_view place_;
};

std::uint64_t read_header_length(std::span<const std::byte> bytes, std::string_view place,
                                 Expected expected) {
  const auto fail = [&](std::uint64_t offset, const std::string& reason) {
    const std::string wrong = wrong_content(as_u8(bytes), expected);
    if (!wrong.empty()) throw Error(place, wrong);
    throw FormatError(place, offset, reason + ": not a safetensors file");
  };
  if (bytes.size() < kLengthBytes) fail(bytes.size(), "ends before the header's length");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxSafetensorsHeader) {
    fail(0, "header length " + std::to_string(length) + " is over the limit of " +
                std::to_string(kMaxSafetensorsHeader));
  }
  if (length == 0 || (bytes.size() > kLengthBytes && bytes[kLengthBytes] != std::byte{'{'})) {
    fail(kLengthBytes, "the header does not begin with '{'");
  }
  if (length > bytes.size() - kLengthBytes) {
    throw FormatError(place, bytes.size(), "the file ends within its header");
  }
  return length;
}

std::string header_text(std::span<const TensorView* const> ordered, const Metadata& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header[kMetadataKey] = metadata;
  std::uint64_t position = 0;
  for (const TensorView* tensor : ordered) {
    const std::uint64_t end = position + tensor->data.size();
    header[tensor->name] = {
        {"dtype", dtype_name(tensor->type)}, {"shape", tensor->shape}, {"data_offsets", {position, end}}};
    position = end;
  }
  std::string text = header.dump();
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  return text;
}

void check_writable(std::span<const TensorView> tensors, std::string_view place) {
  std::set<std::string_view> names = {kMetadataKey};
  for (const TensorView& tensor : tensors) {
    if (!names.insert(tensor.name).second) throw Error(place, "two tensors named '" + tensor.name + "'");
    if (tensor.shape.size() > kMaxTensorDims ||
        tensor_bytes(tensor.type, tensor.shape) != tensor.data.size()) {
      throw Error(place, named(tensor.name) + ": " + std::to_string(tensor.data.size()) +
                             " bytes do not fit its shape " + shape_text(tensor.shape));
    }
  }
}

std::span<const float> as_floats(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

template <typename T>
std::span<const T> values_as(const TensorView& tensor, DType wanted, std::string_view place) {
  if (tensor.type != wanted) {
    throw Error(place, named(tensor.name) + " is " + std::string(dtype_name(tensor.type)) + ", expected " +
                           std::string(dtype_name(wanted)));
  }
  return {reinterpret_cast<const T*>(tensor.data.data()), tensor.data.size() / sizeof(T)};
}

}  // namespace

std::string_view dtype_name(DType type) { return type_info(type).name; }
std::size_t dtype_bytes(DType type) { return type_info(type).bytes; }

std::uint64_t TensorView::elements() const {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::span<const float> TensorView::f32(std::string_view place) const {
  return values_as<float>(*this, DType::f32, place);
}

std::span<const std::uint64_t> TensorView::u64(std::string_view place) const {
  return values_as<std::uint64_t>(*this, DType::u64, place);
}

std::string shape_text(std::span<const std::uint64_t> shape) {
  std::string text = "[";
  for (const std::uint64_t extent : shape) {
    if (text.size() > 1) text += ',';
    text += std::to_string(extent);
  }
  return text + "]";
}

SafetensorsFile::SafetensorsFile(const std::string& path, Expected expected, const MemoryLimit& memory)
    : SafetensorsFile(MappedFile(path), expected, memory) {}

SafetensorsFile::SafetensorsFile(MappedFile file, Expected expected, const MemoryLimit& memory)
    : file_(std::move(file)) {
  const std::span<const std::byte> bytes = file_.bytes();
  const std::uint64_t length = read_header_length(bytes, file_.name(), expected);
  const auto data = bytes.subspan(kLengthBytes + length);
  const std::string_view text = as_text(bytes.subspan(kLengthBytes, length));
  require_counted_memory(header_bytes(text), memory, file_.name(),
                         "the contents of a header of " + format_bytes(text.size()));

  const HeaderReader reader(file_.name());
  std::vector<Entry> entries;
  const TakeMember take = [&](const std::string& key, const nlohmann::json& value) {
    if (key == kMetadataKey) {
      metadata_ = reader.read_metadata(value);
    } else {
      entries.push_back(reader.read_entry(key, value));
      reader.check_count(entries.size());
    }
  };
  parse_json_members(text, take, file_.name(), kLengthBytes);
  std::ranges::stable_sort(entries, {}, [](const Entry& entry) { return std::pair(entry.begin, entry.end); });
  reader.check_layout(entries, data.size());
  tensors_.reserve(entries.size());
  for (Entry& entry : entries) {
    const auto values = data.subspan(entry.begin, entry.end - entry.begin);
    tensors_.push_back(
        {std::move(entry.name), entry.type, std::move(entry.shape), aligned(values, entry.type, memory)});
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) indices_.emplace(tensors_[i].name, i);
  take_checksum(text);
}

// Compares the checksum, if there is one, and notes which tensors are finite, so that all bytes are read
// once.
void SafetensorsFile::take_checksum(std::string_view header) {
  for (const auto& [key, unused] : metadata_) check_metadata_key(key, name());
  const auto found = metadata_.find(std::string(kMetaChecksum));
  if (found == metadata_.end()) return;
  checksum_ = std::move(found->second);
  metadata_.erase(found);
  SafetensorsChecksum computed(header, require_digits(header, checksum_, name()));
  for (const TensorView& tensor : tensors_) {
    bool finite = true;
    for (std::span<const std::byte> rest = tensor.data; !rest.empty();) {
      const std::span<const std::byte> part = rest.first(std::min(rest.size(), kBytesAtOnce));
      computed.add(part);
      finite = finite && (tensor.type != DType::f32 || all_finite(as_floats(part)));
      rest = rest.subspan(part.size());
    }
    finite_.push_back(finite);
  }
  require_checksum(checksum_, computed, name());
}

std::span<const std::byte> SafetensorsFile::aligned(std::span<const std::byte> values, DType type,
                                                    const MemoryLimit& memory) {
  if (reinterpret_cast<std::uintptr_t>(values.data()) % dtype_bytes(type) == 0) return values;
  copied_ = saturating_add(copied_, values.size());
  require_counted_memory(copied_, memory, file_.name(), "tensors that are not aligned, and so copied,");
  std::vector<std::uint64_t>& copy = copies_.emplace_back((values.size() + 7) / 8);
  if (!values.empty()) std::memcpy(copy.data(), values.data(), values.size());
  return std::as_bytes(std::span(copy)).first(values.size());
}

const TensorView* SafetensorsFile::find(std::string_view name) const {
  const auto found = indices_.find(name);
  return found == indices_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& SafetensorsFile::get(std::string_view name) const {
  const TensorView* tensor = find(name);
  if (tensor == nullptr) throw Error(file_.name(), "no " + named(name));
  return *tensor;
}

void SafetensorsFile::require_finite(std::string_view name) const {
  const std::span<const float> values = get(name).f32(file_.name());
  if (finite_.empty() ? all_finite(values) : finite_[indices_.at(name)]) return;
  throw Error(file_.name(), named(name) + " holds values that are not finite numbers");
}

bool is_safetensors(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  if (bytes.size() <= kLengthBytes) return false;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  return length <= kMaxSafetensorsHeader && bytes[kLengthBytes] == std::byte{'{'};
}

void write_safetensors(OutputFile& out, std::span<const TensorView> tensors, Metadata metadata) {
  check_writable(tensors, out.name());
  std::vector<const TensorView*> ordered;
  ordered.reserve(tensors.size());
  for (const TensorView& tensor : tensors) ordered.push_back(&tensor);
  std::ranges::stable_sort(ordered, std::greater<>(),
                           [](const TensorView* tensor) { return dtype_bytes(tensor->type); });
  metadata[std::string(kMetaChecksum)] = kNoChecksum;
  std::string header;
  try {
    header = header_text(ordered, metadata);
  } catch (const nlohmann::json::type_error&) {
    throw Error(out.name(), "a name or a metadata text is not UTF-8");
  }
  if (header.size() > kMaxSafetensorsHeader) {
    throw Error(out.name(), "the header of " + std::to_string(header.size()) +
                                " bytes is over the limit of " + std::to_string(kMaxSafetensorsHeader));
  }
  const auto digits_at = find_checksum(header, kNoChecksum);
  if (!digits_at) throw Error(out.name(), "a key of the metadata could be taken for convoy.checksum");
  SafetensorsChecksum checksum(header, *digits_at);
  for (const TensorView* tensor : ordered) checksum.add(tensor->data);
  header.replace(*digits_at, kNoChecksum.size(), checksum.digits());
  const std::uint64_t length = header.size();
  out.write(std::as_bytes(std::span(&length, 1)));
  out.write(header);
  for (const TensorView* tensor : ordered) out.write(tensor->data);
}

std::string tensor_problem(const TensorView* tensor, std::string_view name,
                           const std::vector<std::uint64_t>& shape) {
  if (tensor == nullptr) return named(name) + " is missing";
  const std::string is = named(name) + " is ";
  if (tensor->type != DType::f32) return is + std::string(dtype_name(tensor->type)) + ", not F32";
  if (tensor->shape != shape) return is + shape_text(tensor->shape) + ", not " + shape_text(shape);
  return {};
}

}  // namespace convoy
