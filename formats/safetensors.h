// The safetensors format, exactly to its specification; see man/convoy-weights.5.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/content.h"
#include "lib/base/file.h"
#include "lib/base/memory.h"

namespace convoy {

// Bytes, as in the reference implementation.
inline constexpr std::uint64_t kMaxSafetensorsHeader = 100'000'000;
inline constexpr std::size_t kMaxTensorDims = 8;
inline constexpr std::size_t kMaxTensors = 65'536;

// The element types of the reference implementation, except those smaller than a byte (F4, F6).
enum class DType {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
  c64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0
};
[[nodiscard]] std::string_view dtype_name(DType type);  // "F32"
[[nodiscard]] std::size_t dtype_bytes(DType type);

// A view of a tensor in memory or in a mapped file: row-major, little-endian. It does not own the data.
struct TensorView {
  std::string name;
  DType type = DType::f32;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> data;

  [[nodiscard]] std::uint64_t elements() const;
  // The values. Throws Error(place, ...) if the tensor has another type.
  [[nodiscard]] std::span<const float> f32(std::string_view place) const;
  [[nodiscard]] std::span<const std::uint64_t> u64(std::string_view place) const;
};

// "[224,224,3]", for messages.
[[nodiscard]] std::string shape_text(std::span<const std::uint64_t> shape);

using Metadata = std::map<std::string, std::string>;  // __metadata__: text to text

// Maps a file and checks all rules of the format (header of at most 100 MB, no duplicate names, offsets in
// order without overlap or hole, sizes that match the shapes, nothing after the last tensor), and the
// checksum of the project's own files if it is there (formats/safetensors_checksum.h). Throws FormatError,
// and Error if the checksum differs. Tensors are in the order of their data. Data is copied only if another
// writer did not align it to its element size, which the format allows.
class SafetensorsFile {
 public:
  // expected: what the file is to be, for the message if it is something else. memory: what its header, and
  // copies of tensors that are not aligned, may take.
  SafetensorsFile(const std::string& path, Expected expected, const MemoryLimit& memory = {});
  // The same of a file that is open already.
  SafetensorsFile(MappedFile file, Expected expected, const MemoryLimit& memory = {});
  [[nodiscard]] const std::string& name() const { return file_.name(); }
  // Without the checksum.
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  // Whether the file has a checksum, which then is right.
  [[nodiscard]] bool has_checksum() const { return !checksum_.empty(); }
  // Its digits; empty if there is none.
  [[nodiscard]] const std::string& checksum() const { return checksum_; }
  // Bytes of the whole file.
  [[nodiscard]] std::uint64_t size() const { return file_.bytes().size(); }
  [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
  [[nodiscard]] const TensorView* find(std::string_view name) const;  // nullptr if there is none
  // The tensor. Throws Error naming it if it is missing.
  [[nodiscard]] const TensorView& get(std::string_view name) const;
  // Throws Error if a value of the tensor is infinite or not a number, or as get() and f32() do.
  void require_finite(std::string_view name) const;

 private:
  [[nodiscard]] std::span<const std::byte> aligned(std::span<const std::byte> values, DType type,
                                                   const MemoryLimit& memory);
  void take_checksum(std::string_view header);

  MappedFile file_;
  Metadata metadata_;
  std::string checksum_;
  std::vector<TensorView> tensors_;
  std::map<std::string_view, std::size_t> indices_;  // of the tensors, by name
  std::vector<bool> finite_;  // of each tensor, found while the checksum was computed; else empty
  std::vector<std::vector<std::uint64_t>> copies_;  // of misaligned tensors
  std::uint64_t copied_ = 0;                        // their bytes
};

// Whether the bytes begin as a safetensors file does: a length that fits, and '{'.
[[nodiscard]] bool is_safetensors(std::span<const std::byte> bytes);

// Writes a file, with its checksum. Tensors are aligned to their element size: widest first, in the given
// order among equals. Throws Error if two tensors have the same name, data do not match their shape, or a
// text is not UTF-8. The caller commits `out`.
void write_safetensors(OutputFile& out, std::span<const TensorView> tensors, Metadata metadata);

// What is wrong with a tensor that should be F32 and of this shape; empty if nothing is. nullptr: the file
// does not have it.
[[nodiscard]] std::string tensor_problem(const TensorView* tensor, std::string_view name,
                                         const std::vector<std::uint64_t>& shape);

}  // namespace convoy
