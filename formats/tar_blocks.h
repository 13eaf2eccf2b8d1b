// The blocks of a tar archive on their way to libarchive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/byte_source.h"

namespace convoy {

// Bytes of an extended header that are looked at; libarchive refuses those of more than 1 MiB.
inline constexpr std::uint64_t kMaxExtendedHeader = std::uint64_t{16} << 20;

inline constexpr std::size_t kTarHeaderBytes = 512;
inline constexpr std::size_t kTarChecksumAt = 148;
inline constexpr std::size_t kTarChecksumBytes = 8;

// The sums of a header's kTarHeaderBytes bytes, with blanks in the place of its checksum. Old archives hold
// that of signed bytes.
struct TarSums {
  std::int64_t of_unsigned = 0;
  std::int64_t of_signed = 0;
};
[[nodiscard]] TarSums tar_sums(std::span<const std::uint8_t> header);

// Gives the bytes of a source block by block, but makes the access control lists in extended headers
// unreadable: libarchive compares each entry of a list with all before it, and nothing here needs them.
class TarBlocks {
 public:
  // `source` must outlive the object.
  explicit TarBlocks(ByteSource& source) : source_(source) {}

  // The next bytes, at least one unless the input has ended; valid until the next call. Those of the call
  // before are taken from the source.
  std::span<const std::uint8_t> next();
  // Skips up to `bytes` bytes behind those that next() gave, and returns how many there were.
  std::uint64_t skip(std::uint64_t bytes);
  // From now on, the bytes are given as they are, because they are no archive.
  void leave_as_they_are() { as_they_are_ = true; }
  // The bytes that were given and skipped so far.
  [[nodiscard]] std::uint64_t given() const { return offset_; }

 private:
  std::span<const std::uint8_t> give(std::size_t bytes);
  std::span<const std::uint8_t> give_extended();

  ByteSource& source_;
  bool as_they_are_ = false;
  std::size_t last_ = 0;        // bytes of the source that the last call gave
  std::uint64_t offset_ = 0;    // behind them
  std::uint64_t extended_ = 0;  // bytes of the extended header that comes next
  bool is_list_ = false;        // whether it is an access control list as Solaris writes it
  std::vector<std::uint8_t> changed_;
};

}  // namespace convoy
