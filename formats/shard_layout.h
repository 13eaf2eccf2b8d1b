// The bytes of a shard's chunk: offsets, limits, encoding and decoding. man/convoy-shard.5 says the same
// in prose.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "formats/dataset_info.h"
#include "lib/base/marks.h"

namespace convoy {

inline constexpr std::string_view kChunkMagic = kShardMark;
inline constexpr std::uint32_t kShardVersion = 1;
inline constexpr std::size_t kChunkHeaderBytes = 128;
inline constexpr std::size_t kTableEntryBytes = 40;
inline constexpr std::uint64_t kChunkAlignment = 4096;  // of chunk lengths, and of payloads in their chunk
inline constexpr std::uint64_t kTableAlignment = 8;
inline constexpr std::uint64_t kMaxMetadataBytes = std::uint64_t{1} << 28;

enum class ChunkKind : std::uint32_t { data = 1, end = 2 };

// The first 128 bytes of a chunk. Offsets count from the chunk's first byte. An end chunk has no records and
// no metadata; its sequence and first_record count what came before it.
struct ChunkHeader {
  ChunkKind kind = ChunkKind::data;
  std::uint64_t length = 0;        // of the whole chunk
  std::uint64_t sequence = 0;      // chunks before it in its stream
  std::uint64_t first_record = 0;  // records before it in its stream
  std::uint64_t records = 0;
  std::uint64_t metadata_length = 0;  // the metadata follow the header
  std::uint64_t table_offset = 0;
  std::uint64_t names_offset = 0;
  std::uint64_t names_length = 0;
  std::uint64_t payload_offset = 0;
  std::uint64_t stride = 0;         // from one raw payload to the next; 0 for JPEG
  std::uint64_t previous = 0;       // `checksum` of the chunk before it in its stream, 0 in the first
  std::uint64_t body_checksum = 0;  // XXH3-64 of the bytes from the header's end to payload_offset
  std::uint64_t checksum = 0;       // XXH3-64 of the header's first 120 bytes

  // Computes the offsets and the smallest length from records, metadata_length, names_length and the bytes of
  // the payloads. Throws Error if the chunk would exceed the limit.
  void lay_out(std::uint64_t payload_bytes);
};

// One entry of a chunk's record table.
struct TableEntry {
  std::int32_t label = kNoLabel;
  std::uint32_t name_length = 0;
  std::uint64_t name_offset = 0;     // from the start of the names
  std::uint64_t payload_offset = 0;  // from the start of the chunk
  std::uint64_t payload_length = 0;
  std::uint64_t checksum = 0;  // XXH3-64 of the payload
};

using HeaderBytes = std::array<std::byte, kChunkHeaderBytes>;
using TableEntryBytes = std::array<std::byte, kTableEntryBytes>;

// The checksum of the format: XXH3-64 with seed 0.
[[nodiscard]] std::uint64_t shard_checksum(std::span<const std::byte> bytes);

// Sets `checksum` and returns the bytes.
[[nodiscard]] HeaderBytes encode_header(ChunkHeader& header);
// The header, or what is wrong with it. In a header that it returns, all sizes are within the limits and
// within `length`, and the parts follow each other without overlap. `bytes` may be shorter than a header.
[[nodiscard]] std::variant<ChunkHeader, std::string> decode_header(std::span<const std::byte> bytes);

[[nodiscard]] TableEntryBytes encode_entry(const TableEntry& entry);
[[nodiscard]] TableEntry decode_entry(std::span<const std::byte, kTableEntryBytes> bytes);

}  // namespace convoy
