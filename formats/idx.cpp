#include "formats/idx.h"

#include <algorithm>
#include <array>
#include <utility>

#include "formats/dataset_info.h"
#include "formats/image_stream.h"
#include "lib/base/checked.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr std::size_t kDimBytes = 4;
constexpr std::size_t kMaxDims = 8;
constexpr std::int32_t kMaxPixel = 255;
constexpr const char* kOtherOrder = " (in little-endian order?)";

// Bytes of a value, or 0 if there is no such type.
std::size_t bytes_of(std::uint8_t type) {
  switch (static_cast<IdxType>(type)) {
    case IdxType::unsigned_byte:
    case IdxType::signed_byte:
      return 1;
    case IdxType::int16:
      return 2;
    case IdxType::int32:
    case IdxType::float32:
      return 4;
    case IdxType::float64:
      return 8;
  }
  return 0;
}

bool is_float(IdxType type) { return type == IdxType::float32 || type == IdxType::float64; }

// The integer of `size` bytes that is first to last in big-endian order.
std::int32_t integer(IdxType type, const std::uint8_t* bytes, std::size_t size, bool little_endian) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < size; ++i) bits = bits << 8 | bytes[little_endian ? size - 1 - i : i];
  switch (type) {
    case IdxType::signed_byte:
      return static_cast<std::int8_t>(bits);
    case IdxType::int16:
      return static_cast<std::int16_t>(bits);
    case IdxType::unsigned_byte:
    case IdxType::int32:
    case IdxType::float32:
    case IdxType::float64:
      break;
  }
  return static_cast<std::int32_t>(bits);
}

// The magic number in the other order of bytes; empty if there is no whole one.
std::vector<std::uint8_t> reversed(std::span<const std::uint8_t> magic) {
  if (magic.size() < kIdxMagicBytes) return {};
  magic = magic.first(kIdxMagicBytes);
  return {magic.rbegin(), magic.rend()};
}

std::uint32_t swapped(std::uint32_t dim) { return __builtin_bswap32(dim); }

// The number of values, or nothing if their bytes are beyond the limit.
std::optional<std::uint64_t> product(std::span<const std::uint32_t> dims, std::size_t value_bytes) {
  std::uint64_t values = 1;
  for (const std::uint32_t dim : dims) {
    const auto more = checked_mul(values, dim);
    if (!more || *more > kMaxIdxBytes / value_bytes) return std::nullopt;
    values = *more;
  }
  return values;
}

void check_integers(const IdxHeader& header, const std::string& place, std::string_view what,
                    std::string_view instead) {
  if (!is_float(header.type)) return;
  throw FormatError(place, 2,
                    std::string(what) + " of floating-point numbers (IDX type " +
                        std::to_string(static_cast<int>(header.type)) + "): store " + std::string(instead));
}

// Planes of one channel each, one after another, become pixels.
std::vector<std::uint8_t> interleaved(const std::vector<std::uint8_t>& planes, std::size_t channels) {
  std::vector<std::uint8_t> pixels(planes.size());
  const std::size_t area = planes.size() / channels;
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < area; ++i) pixels[i * channels + c] = planes[c * area + i];
  }
  return pixels;
}

}  // namespace

std::string dims_text(const IdxHeader& header) {
  std::string text;
  for (const std::uint32_t dim : header.dims) text += (text.empty() ? "" : " x ") + std::to_string(dim);
  return text;
}

bool is_idx(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= kIdxMagicBytes && bytes[0] == 0 && bytes[1] == 0 && bytes_of(bytes[2]) > 0 &&
         bytes[3] >= 1 && bytes[3] <= kMaxDims;
}

IdxReader::IdxReader(ByteSource& source, std::string place, std::uint64_t file_bytes)
    : source_(&source), place_(std::move(place)) {
  // The shortest header has as many bytes.
  if (detect_content(source.peek(kImageSignatureBytes)) == ContentKind::compressed) {
    unpacked_.emplace(source, place_);
    if (!unpacked_->is_plain()) throw Error(place_, "an archive where an IDX file is expected");
    if (!unpacked_->next()) throw Error(place_, "nothing inside");
    source_ = &unpacked_->content();
  }
  read_header();
  if (file_bytes > 0 && !unpacked_) check_size(file_bytes);
}

void IdxReader::read_header() {
  const auto magic = source_->peek(kIdxMagicBytes);
  if (magic.size() < kIdxMagicBytes || magic[0] != 0 || magic[1] != 0) {
    const bool other_order = is_idx(reversed(magic));
    const std::string wrong = wrong_content(source_->peek(kContentBytes), Expected::idx);
    if (!wrong.empty()) throw Error(place_, wrong);
    throw FormatError(place_, 0,
                      std::string("not an IDX file: it does not begin with two zero bytes") +
                          (other_order ? kOtherOrder : ""));
  }
  if (bytes_of(magic[2]) == 0) {
    throw FormatError(place_, 2,
                      "IDX type " + std::to_string(magic[2]) +
                          " is none of 8, 9, 11, 12 (integers), 13 and 14 (floating-point numbers)");
  }
  const std::size_t dims = magic[3];
  if (dims == 0 || dims > kMaxDims) {
    throw FormatError(place_, 3, std::to_string(dims) + " dimensions are not from 1 to 8");
  }
  header_.type = static_cast<IdxType>(magic[2]);
  first_ = offset_ = kIdxMagicBytes + dims * kDimBytes;
  const auto bytes = source_->peek(first_);
  if (bytes.size() < first_) throw FormatError(place_, bytes.size(), "the file ends in its header");
  for (std::size_t at = kIdxMagicBytes; at < first_; at += kDimBytes) {
    const auto* dim = bytes.data() + at;
    header_.dims.push_back(static_cast<std::uint32_t>(integer(IdxType::int32, dim, kDimBytes, false)));
  }
  source_->take(first_);
  const auto values = product(header_.dims, value_bytes());
  if (!values) {
    throw FormatError(place_, kIdxMagicBytes, "dimensions too large" + little_endian_hint(std::nullopt));
  }
  values_ = *values;
}

void IdxReader::check_size(std::uint64_t file_bytes) const {
  if (file_bytes < first_ || file_bytes - first_ != values_ * value_bytes()) {
    throw_size(file_bytes < first_ ? 0 : file_bytes - first_);
  }
}

// The values have `held` bytes, which are not those that the header promises.
void IdxReader::throw_size(std::uint64_t held) const {
  const std::size_t size = value_bytes();
  std::string reason = "the header promises " + std::to_string(values_) + " values" +
                       (size > 1 ? " of " + std::to_string(size) + " bytes" : "") + ", the file has ";
  reason += std::to_string(held / size);
  if (held % size != 0) reason += " and a part of one";
  throw FormatError(place_, first_ + std::min(held, values_ * size),
                    reason + little_endian_hint(held / size));
}

// A question, if the dimensions in the other order of bytes promise `values` values, or any number of them.
std::string IdxReader::little_endian_hint(std::optional<std::uint64_t> values) const {
  std::vector<std::uint32_t> other(header_.dims.size());
  std::ranges::transform(header_.dims, other.begin(), swapped);
  const auto promised = product(other, value_bytes());
  return promised && promised == values.value_or(*promised) ? kOtherOrder : "";
}

std::size_t IdxReader::value_bytes() const { return bytes_of(static_cast<std::uint8_t>(header_.type)); }

std::span<const std::uint8_t> IdxReader::take(std::uint64_t most) {
  source_->take(std::exchange(taken_, 0));
  const std::size_t size = value_bytes();
  const auto there = source_->peek(size);
  if (there.size() < size) throw_size(offset_ - first_ + there.size());
  const std::uint64_t values = std::min<std::uint64_t>(most, there.size() / size);
  taken_ = static_cast<std::size_t>(values) * size;
  offset_ += taken_;
  return there.first(taken_);
}

void IdxReader::skip(std::uint64_t values) {
  source_->take(std::exchange(taken_, 0));
  const std::uint64_t bytes = values * value_bytes();
  const std::uint64_t there = source_->skip(bytes);
  if (there < bytes) throw_size(offset_ - first_ + there);
  offset_ += bytes;
}

std::int32_t IdxReader::value(const std::uint8_t* bytes) const {
  return integer(header_.type, bytes, value_bytes(), false);
}

std::string IdxReader::shown(const std::uint8_t* bytes, std::int32_t limit) const {
  const std::int32_t other = integer(header_.type, bytes, value_bytes(), true);
  std::string text = std::to_string(value(bytes));
  if (value_bytes() > 1 && other >= 0 && other <= limit) {
    text += " (" + std::to_string(other) + " in little-endian order)";
  }
  return text;
}

void IdxReader::finish() {
  source_->take(std::exchange(taken_, 0));
  if (!source_->peek(1).empty()) {
    throw FormatError(
        place_, offset_,
        "the file goes on behind the " + std::to_string(values_) + " values that its header promises");
  }
}

IdxLayout idx_layout(const IdxHeader& header, const std::string& place, const ImageLimits& limits) {
  const auto& dims = header.dims;
  const auto channels = [](std::uint32_t dim) { return dim == 1 || dim == 3; };
  if (dims.size() != 3 && dims.size() != 4) {
    throw Error(place, "not images: " + count_of(dims.size(), "dimension") + " (" + dims_text(header) +
                           ") instead of number, height, width and perhaps 1 or 3 channels");
  }
  check_integers(header, place, "images", "whole numbers from 0 to 255");
  IdxLayout layout{.count = dims[0]};
  std::uint32_t height = dims[1];
  std::uint32_t width = dims[2];
  layout.channels = 1;
  if (dims.size() == 4 && channels(dims[3])) {
    layout.channels = static_cast<int>(dims[3]);
    layout.ambiguous = channels(dims[1]);
  } else if (dims.size() == 4 && channels(dims[1])) {
    layout.channels = static_cast<int>(dims[1]);
    layout.planes_first = true;
    height = dims[2];
    width = dims[3];
  } else if (dims.size() == 4) {
    throw Error(place, "not images: of " + dims_text(header) + ", the last dimension is " +
                           std::to_string(dims[3]) + ", not 1 or 3 channels, and neither is the second, " +
                           std::to_string(dims[1]));
  }
  check_image_size(width, height, place, limits);
  layout.height = static_cast<int>(height);
  layout.width = static_cast<int>(width);
  return layout;
}

IdxImages::IdxImages(IdxReader reader, const ImageLimits& limits)
    : reader_(std::move(reader)), layout_(idx_layout(reader_.header(), reader_.place(), limits)) {}

std::size_t IdxImages::image_values() const {
  return static_cast<std::size_t>(layout_.height) * static_cast<std::size_t>(layout_.width) *
         static_cast<std::size_t>(layout_.channels);
}

bool IdxImages::skip() {
  if (at_ == layout_.count) {
    reader_.finish();
    return false;
  }
  reader_.skip(image_values());
  ++at_;
  return true;
}

std::optional<Image> IdxImages::next() {
  if (at_ == layout_.count) {
    reader_.finish();
    return std::nullopt;
  }
  Image image{layout_.width, layout_.height, layout_.channels, {}};
  const std::size_t size = image_values();
  while (image.pixels.size() < size) append(reader_.take(size - image.pixels.size()), image.pixels);
  if (layout_.planes_first && layout_.channels > 1) {
    image.pixels = interleaved(image.pixels, static_cast<std::size_t>(layout_.channels));
  }
  ++at_;
  return image;
}

// Appends values that reader_ has just taken.
void IdxImages::append(std::span<const std::uint8_t> values, std::vector<std::uint8_t>& pixels) const {
  if (reader_.header().type == IdxType::unsigned_byte) {
    pixels.insert(pixels.end(), values.begin(), values.end());
    return;
  }
  for (std::size_t at = 0; at < values.size(); at += reader_.value_bytes()) {
    const std::int32_t value = reader_.value(&values[at]);
    if (value < 0 || value > kMaxPixel) {
      throw FormatError(reader_.place(), reader_.offset() - values.size() + at,
                        "the value " + reader_.shown(&values[at], kMaxPixel) + " of image " +
                            std::to_string(at_) + " is not from 0 to 255");
    }
    pixels.push_back(static_cast<std::uint8_t>(value));
  }
}

bool is_idx_labels(const IdxHeader& header) {
  return header.dims.size() <= 2 ||
         std::ranges::all_of(std::span(header.dims).subspan(1), [](std::uint32_t dim) { return dim == 1; });
}

IdxLabels read_idx_labels(IdxReader& reader) {
  const std::vector<std::uint32_t>& dims = reader.header().dims;
  const std::string& place = reader.place();
  if (!is_idx_labels(reader.header())) {
    throw Error(place, "not labels: " + count_of(dims.size(), "dimension") + " instead of 1 or 2");
  }
  check_integers(reader.header(), place, "labels", "whole numbers");
  IdxLabels labels;
  labels.columns = dims.size() > 1 ? dims[1] : 1;
  if (labels.columns == 0 || labels.columns > kMaxIdxLabelColumns) {
    throw Error(place, "not labels: " + count_of(labels.columns, "column") + ", not 1 to " +
                           std::to_string(kMaxIdxLabelColumns));
  }
  if (dims[0] > kMaxIdxLabels) {
    throw Error(place, "more labels than the limit of " + std::to_string(kMaxIdxLabels));
  }
  const std::uint64_t all = std::uint64_t{dims[0]} * labels.columns;
  std::uint64_t ones = 0;  // in the row
  bool one_hot = labels.columns > 1 && dims[0] > 0;
  for (std::uint64_t done = 0; done < all;) {
    const auto values = reader.take(all - done);
    for (std::size_t at = 0; at < values.size(); at += reader.value_bytes(), ++done) {
      const std::int32_t value = reader.value(&values[at]);
      const bool last = (done + 1) % labels.columns == 0;
      ones += value == 1 ? 1 : 0;
      one_hot = one_hot && (value == 0 || value == 1) && (!last || ones == 1);
      if (last) ones = 0;
      if (done % labels.columns != 0) continue;
      if (value < 0 || value >= kMaxClasses) {
        throw FormatError(place, reader.offset() - values.size() + at,
                          "label " + reader.shown(&values[at], kMaxClasses - 1) + " of image " +
                              std::to_string(done / labels.columns) + " is not from 0 to " +
                              std::to_string(kMaxClasses - 1));
      }
      labels.values.push_back(value);
    }
  }
  if (one_hot) {
    throw Error(place, "each row of " + std::to_string(labels.columns) +
                           " columns is zeros and a single one: store the number of the class instead");
  }
  reader.finish();
  return labels;
}

}  // namespace convoy
