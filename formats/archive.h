// tar archives and compressed data, by libarchive: tar of every dialect, plain or compressed by gzip, zstd,
// bzip2 or xz.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/byte_source.h"

namespace convoy {

struct ArchiveMember {
  std::string path;  // as stored, without a leading "./"
};

// Reads an archive in order, without holding more than a block of it.
class ArchiveReader {
 public:
  // `source` must outlive it and be detected as tar or compressed. Throws Error(place, reason).
  ArchiveReader(ByteSource& source, std::string place);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;
  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) = delete;
  ~ArchiveReader();

  // Whether the data are compressed but no archive: then their one member is what they unpack to.
  [[nodiscard]] bool is_plain() const;
  // The next regular file, or nothing at the end; what is left unread of the one before is passed over.
  // Throws Error(place, reason) where the archive is damaged or cut.
  std::optional<ArchiveMember> next();
  // The content of the member, once, until the next call of next(). Reading throws as next() does.
  [[nodiscard]] ByteSource& content();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// All that is left of a source. Throws Error(place, ...) where that is more than `limit` bytes.
[[nodiscard]] std::vector<std::uint8_t> read_all(ByteSource& source, std::string_view place,
                                                 std::uint64_t limit);

// Unpacks compressed bytes. Throws Error(place, ...) where they are damaged or unpack to more than `limit`
// bytes.
[[nodiscard]] std::vector<std::uint8_t> decompress(std::span<const std::uint8_t> bytes,
                                                   std::string_view place, std::uint64_t limit);

}  // namespace convoy
