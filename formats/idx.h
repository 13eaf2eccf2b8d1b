// IDX, the format of MNIST and Fashion-MNIST: a big-endian header (two zero bytes, the type, the number of
// dimensions, the dimensions), then the values, the last dimension fastest. It is read from front to back, in
// memory for one image.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/archive.h"
#include "formats/byte_source.h"
#include "formats/image.h"

namespace convoy {

// Limit on the bytes that a header may promise: no file has more.
inline constexpr std::uint64_t kMaxIdxBytes = INT64_MAX;
// Limit on the labels of one file, which are in memory.
inline constexpr std::uint64_t kMaxIdxLabels = std::uint64_t{1} << 28;
// Limit on the columns of labels of two dimensions. QMNIST's have 8, and small images in rows of pixels,
// which are no labels, have 64.
inline constexpr std::uint32_t kMaxIdxLabelColumns = 32;

enum class IdxType : std::uint8_t {
  unsigned_byte = 0x08,
  signed_byte = 0x09,
  int16 = 0x0B,
  int32 = 0x0C,
  float32 = 0x0D,
  float64 = 0x0E
};

struct IdxHeader {
  IdxType type = IdxType::unsigned_byte;
  std::vector<std::uint32_t> dims;  // 1 to 8
  bool operator==(const IdxHeader&) const = default;
};

// The number of first bytes that is_idx() looks at.
inline constexpr std::size_t kIdxMagicBytes = 4;

// Whether a file with these first bytes is IDX: a known type, 1 to 8 dimensions.
[[nodiscard]] bool is_idx(std::span<const std::uint8_t> bytes);

// The header and the values of one file, compressed or not.
class IdxReader {
 public:
  // Reads the header. `source` must outlive the reader. file_bytes: the size of the file, or 0 if it is not
  // known. Throws FormatError(place, offset, reason) if the header is wrong, or if an uncompressed file is
  // shorter or longer than it promises, and Error(place, reason) if what is compressed is no file.
  IdxReader(ByteSource& source, std::string place, std::uint64_t file_bytes);

  [[nodiscard]] const IdxHeader& header() const { return header_; }
  [[nodiscard]] const std::string& place() const { return place_; }
  // Offset of the next value in the file, if it is compressed in the unpacked file.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  // Bytes of one value.
  [[nodiscard]] std::size_t value_bytes() const;
  // Takes the next values, at least one and up to `most`, which must be there by the header. The bytes are
  // valid until the next call. Throws FormatError if the file ends before.
  [[nodiscard]] std::span<const std::uint8_t> take(std::uint64_t most);
  // Passes over the next `values` values, which must be there by the header. Throws FormatError if the file
  // ends before.
  void skip(std::uint64_t values);
  // The value that begins at `bytes`. Only if the type is an integer.
  [[nodiscard]] std::int32_t value(const std::uint8_t* bytes) const;
  // "300", or "-256 (1 in little-endian order)" if the other order of bytes gives a value up to `limit`.
  [[nodiscard]] std::string shown(const std::uint8_t* bytes, std::int32_t limit) const;
  // Throws FormatError if the file goes on behind the last value.
  void finish();

 private:
  void read_header();
  void check_size(std::uint64_t file_bytes) const;
  [[noreturn]] void throw_size(std::uint64_t held) const;
  [[nodiscard]] std::string little_endian_hint(std::optional<std::uint64_t> values) const;

  ByteSource* source_;
  std::string place_;
  std::optional<ArchiveReader> unpacked_;
  IdxHeader header_;
  std::uint64_t values_ = 0;
  std::uint64_t first_ = 0;  // offset of the first value
  std::uint64_t offset_ = 0;
  std::size_t taken_ = 0;  // bytes that take() has returned, still in the source
};

// How images lie in an IDX file: [N, H, W], [N, H, W, C] or [N, C, H, W], with C = 1 or 3.
struct IdxLayout {
  std::uint32_t count = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  bool planes_first = false;
  bool ambiguous = false;  // could be either order of 4 dimensions; the last is then the channels
};

// Throws Error(place, ...) if the dimensions are not those of images within the limits, and FormatError if
// the values are not integers.
[[nodiscard]] IdxLayout idx_layout(const IdxHeader& header, const std::string& place,
                                   const ImageLimits& limits);

// The images of an IDX file, one after another.
class IdxImages {
 public:
  // Throws what idx_layout() throws.
  IdxImages(IdxReader reader, const ImageLimits& limits);
  [[nodiscard]] const IdxLayout& layout() const { return layout_; }
  [[nodiscard]] const IdxHeader& header() const { return reader_.header(); }
  // The next image, as soon as its last byte is there, or nothing at the end. Throws FormatError at the first
  // value that is not from 0 to 255, and if the file is shorter or longer than its header says.
  [[nodiscard]] std::optional<Image> next();
  // Passes over the next image, whatever its values, and returns whether there was one. Throws FormatError if
  // the file is shorter or longer than its header says.
  bool skip();

 private:
  [[nodiscard]] std::size_t image_values() const;
  void append(std::span<const std::uint8_t> values, std::vector<std::uint8_t>& pixels) const;

  IdxReader reader_;
  IdxLayout layout_;
  std::uint32_t at_ = 0;
};

// Labels [N], or [N, columns], whose first column is the class.
struct IdxLabels {
  std::vector<std::int32_t> values;  // 0 to kMaxClasses - 1
  std::uint32_t columns = 1;
};

// "10 x 28 x 28".
[[nodiscard]] std::string dims_text(const IdxHeader& header);

// Whether a file with this header is labels rather than images: it has one or two dimensions, or further ones
// of 1.
[[nodiscard]] bool is_idx_labels(const IdxHeader& header);

// Reads all labels. Throws FormatError if they are not integers, at the first that is negative or above the
// limit of classes, and if the size is wrong; Error(place, ...) if there are more than the limits, or if each
// row is zeros and a single one, which is another way to write a class.
[[nodiscard]] IdxLabels read_idx_labels(IdxReader& reader);

}  // namespace convoy
