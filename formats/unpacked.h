// What compressed bytes unpack to.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "formats/archive_handle.h"
#include "formats/byte_source.h"

namespace convoy {

// Compressed bytes may unpack to so much in any case; to more only up to kMostUnpackedPerByte times their
// size. That is more than deflate can reach: what does is no data set, and would take time out of proportion.
inline constexpr std::uint64_t kAlwaysUnpacked = std::uint64_t{1} << 28;
inline constexpr std::uint64_t kMostUnpackedPerByte = 1100;

// Bytes compressed with gzip, zstd, bzip2 or xz, or with several of them.
class Unpacked : public ByteSource {
 public:
  // `source` must outlive it. Throws Error(place, reason), and so does reading.
  Unpacked(ByteSource& source, std::string place);

 protected:
  std::size_t fill(std::span<std::byte> into) override;

 private:
  ArchiveHandle handle_;
  bool ended_ = false;
  std::span<const std::byte> block_;  // of libarchive, with what has not been given
  std::uint64_t unpacked_ = 0;
};

}  // namespace convoy
