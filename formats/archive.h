// tar archives and compressed files, read with libarchive: any dialect of tar, uncompressed or compressed
// with gzip, zstd, bzip2 or xz.
#pragma once

#include <cstdint>
#include <functional>
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

// Anything that an archive has a name for.
struct ArchiveEntry {
  enum class Type { file, folder, hard_link, symbolic_link, other };
  std::string path;  // as stored
  Type type = Type::file;
  std::string target;  // of a link, as stored
};

// Reads an archive from front to back, holding no more than a block of it.
class ArchiveReader {
 public:
  // `source` must outlive the reader, and its content be tar or compressed. Throws Error(place, reason).
  ArchiveReader(ByteSource& source, std::string place);
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;
  ArchiveReader(ArchiveReader&&) noexcept;
  ArchiveReader& operator=(ArchiveReader&&) = delete;
  ~ArchiveReader();

  // Whether the data are a compressed file but not an archive. Their only member is then the unpacked data.
  [[nodiscard]] bool is_plain() const;
  // The next regular file, or nothing at the end; skips the unread rest of the previous one. Throws
  // Error(place, reason) if the archive is damaged or cut short.
  std::optional<ArchiveMember> next();
  // The next entry of any type, or nothing at the end. As next() otherwise.
  std::optional<ArchiveEntry> next_entry();
  // The content of the file, which can be read once, until next() is called. Reading throws like next().
  [[nodiscard]] ByteSource& content();
  // The bytes of the archive, unpacked, that have been read or skipped so far.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Reads the rest of a source. Throws Error(place, ...) if that is more than `limit` bytes. on_piece: is
// called with each piece before it is kept, and may throw.
using OnPiece = std::function<void(std::span<const std::uint8_t>)>;
[[nodiscard]] std::vector<std::uint8_t> read_all(ByteSource& source, std::string_view place,
                                                 std::uint64_t limit, const OnPiece& on_piece = {});

// Unpacks compressed bytes. Throws Error(place, ...) if they are damaged or unpack to more than
// `limit` bytes.
[[nodiscard]] std::vector<std::uint8_t> decompress(std::span<const std::uint8_t> bytes,
                                                   std::string_view place, std::uint64_t limit);

}  // namespace convoy
