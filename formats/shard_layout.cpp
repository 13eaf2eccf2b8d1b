#include "formats/shard_layout.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "formats/shard.h"
#include "lib/base/checked.h"
#include "lib/base/error.h"
#include "lib/base/xxh3.h"

namespace convoy {
namespace {

static_assert(std::endian::native == std::endian::little, "shards are read and written by copying words");

// Offsets of the header's fields.
constexpr std::size_t kAtVersion = 8;
constexpr std::size_t kAtKind = 12;
constexpr std::size_t kAtLength = 16;
constexpr std::size_t kAtSequence = 24;
constexpr std::size_t kAtFirstRecord = 32;
constexpr std::size_t kAtRecords = 40;
constexpr std::size_t kAtMetadataLength = 48;
constexpr std::size_t kAtTableOffset = 56;
constexpr std::size_t kAtNamesOffset = 64;
constexpr std::size_t kAtNamesLength = 72;
constexpr std::size_t kAtPayloadOffset = 80;
constexpr std::size_t kAtStride = 88;
constexpr std::size_t kAtPrevious = 96;
constexpr std::size_t kAtBodyChecksum = 104;
constexpr std::size_t kAtReserved = 112;
constexpr std::size_t kAtChecksum = 120;
static_assert(kAtChecksum + sizeof(std::uint64_t) == kChunkHeaderBytes);

// Offsets of a table entry's fields.
constexpr std::size_t kEntryLabel = 0;
constexpr std::size_t kEntryNameLength = 4;
constexpr std::size_t kEntryNameOffset = 8;
constexpr std::size_t kEntryPayloadOffset = 16;
constexpr std::size_t kEntryPayloadLength = 24;
constexpr std::size_t kEntryChecksum = 32;
static_assert(kEntryChecksum + sizeof(std::uint64_t) == kTableEntryBytes);

template <typename Word>
void put(std::span<std::byte> bytes, std::size_t offset, Word value) {
  std::memcpy(bytes.subspan(offset, sizeof(Word)).data(), &value, sizeof(Word));
}

template <typename Word>
Word get(std::span<const std::byte> bytes, std::size_t offset) {
  Word value;
  std::memcpy(&value, bytes.subspan(offset, sizeof(Word)).data(), sizeof(Word));
  return value;
}

// Where the parts of a chunk lie; nothing if they do not fit into a chunk.
struct Layout {
  std::uint64_t table = 0;
  std::uint64_t names = 0;
  std::uint64_t payloads = 0;
};
std::optional<Layout> layout_of(const ChunkHeader& header) {
  if (header.metadata_length > kMaxMetadataBytes) return std::nullopt;
  const auto table = checked_align(kChunkHeaderBytes + header.metadata_length, kTableAlignment);
  const auto table_bytes = checked_mul(header.records, kTableEntryBytes);
  if (!table || !table_bytes) return std::nullopt;
  const auto names = checked_add(*table, *table_bytes);
  const auto end = names ? checked_add(*names, header.names_length) : std::nullopt;
  const auto payloads = end ? checked_align(*end, kChunkAlignment) : std::nullopt;
  if (!payloads || *payloads > kMaxChunkBytes) return std::nullopt;
  return Layout{*table, *names, *payloads};
}

ChunkHeader header_fields(std::span<const std::byte> bytes) {
  ChunkHeader header;
  header.kind = static_cast<ChunkKind>(get<std::uint32_t>(bytes, kAtKind));
  header.length = get<std::uint64_t>(bytes, kAtLength);
  header.sequence = get<std::uint64_t>(bytes, kAtSequence);
  header.first_record = get<std::uint64_t>(bytes, kAtFirstRecord);
  header.records = get<std::uint64_t>(bytes, kAtRecords);
  header.metadata_length = get<std::uint64_t>(bytes, kAtMetadataLength);
  header.table_offset = get<std::uint64_t>(bytes, kAtTableOffset);
  header.names_offset = get<std::uint64_t>(bytes, kAtNamesOffset);
  header.names_length = get<std::uint64_t>(bytes, kAtNamesLength);
  header.payload_offset = get<std::uint64_t>(bytes, kAtPayloadOffset);
  header.stride = get<std::uint64_t>(bytes, kAtStride);
  header.previous = get<std::uint64_t>(bytes, kAtPrevious);
  header.body_checksum = get<std::uint64_t>(bytes, kAtBodyChecksum);
  header.checksum = get<std::uint64_t>(bytes, kAtChecksum);
  return header;
}

// What is wrong with fields whose checksum is right; empty if nothing is.
std::string_view fault_of(const ChunkHeader& header) {
  if (header.length == 0 || header.length % kChunkAlignment != 0 || header.length > kMaxChunkBytes) {
    return "chunk length out of range";
  }
  const auto layout = layout_of(header);
  if (!layout || layout->table != header.table_offset || layout->names != header.names_offset ||
      layout->payloads != header.payload_offset || layout->payloads > header.length) {
    return "parts of the chunk outside their places";
  }
  const auto strides = checked_mul(header.stride, header.records);
  if (!strides || *strides > header.length - header.payload_offset) return "payloads outside the chunk";
  if (!checked_add(header.first_record, header.records)) return "record count out of range";
  if (header.kind == ChunkKind::data) return {};
  if (header.kind != ChunkKind::end) return "unknown kind of chunk";
  const bool bare = header.records == 0 && header.metadata_length == 0 && header.names_length == 0 &&
                    header.length == header.payload_offset;
  return bare ? "" : "end chunk with contents";
}

}  // namespace

std::uint64_t shard_checksum(std::span<const std::byte> bytes) { return xxh3(bytes); }

void ChunkHeader::lay_out(std::uint64_t payload_bytes) {
  const auto layout = layout_of(*this);
  const auto end = layout ? checked_add(layout->payloads, payload_bytes) : std::nullopt;
  const auto aligned = end ? checked_align(*end, kChunkAlignment) : std::nullopt;
  if (!aligned || *aligned > kMaxChunkBytes) throw Error("chunk larger than the limit of the shard format");
  table_offset = layout->table;
  names_offset = layout->names;
  payload_offset = layout->payloads;
  length = *aligned;
}

HeaderBytes encode_header(ChunkHeader& header) {
  HeaderBytes bytes{};
  std::memcpy(bytes.data(), kChunkMagic.data(), kChunkMagic.size());
  put(bytes, kAtVersion, kShardVersion);
  put(bytes, kAtKind, static_cast<std::uint32_t>(header.kind));
  put(bytes, kAtLength, header.length);
  put(bytes, kAtSequence, header.sequence);
  put(bytes, kAtFirstRecord, header.first_record);
  put(bytes, kAtRecords, header.records);
  put(bytes, kAtMetadataLength, header.metadata_length);
  put(bytes, kAtTableOffset, header.table_offset);
  put(bytes, kAtNamesOffset, header.names_offset);
  put(bytes, kAtNamesLength, header.names_length);
  put(bytes, kAtPayloadOffset, header.payload_offset);
  put(bytes, kAtStride, header.stride);
  put(bytes, kAtPrevious, header.previous);
  put(bytes, kAtBodyChecksum, header.body_checksum);
  put(bytes, kAtReserved, std::uint64_t{0});
  header.checksum = shard_checksum(std::span(bytes).first(kAtChecksum));
  put(bytes, kAtChecksum, header.checksum);
  return bytes;
}

std::variant<ChunkHeader, std::string> decode_header(std::span<const std::byte> bytes) {
  const auto magic = as_bytes_of(kChunkMagic);
  const std::size_t compared = std::min(bytes.size(), magic.size());
  if (!std::equal(magic.begin(), magic.begin() + static_cast<std::ptrdiff_t>(compared), bytes.begin())) {
    return "no chunk starts here";
  }
  if (bytes.size() < kChunkHeaderBytes) return "input ends inside a chunk header";
  bytes = bytes.first(kChunkHeaderBytes);
  if (shard_checksum(bytes.first(kAtChecksum)) != get<std::uint64_t>(bytes, kAtChecksum)) {
    return "chunk header checksum mismatch";
  }
  const auto version = get<std::uint32_t>(bytes, kAtVersion);
  if (version != kShardVersion) {
    return "shard version " + std::to_string(version) + "; this program reads version " +
           std::to_string(kShardVersion);
  }
  if (get<std::uint64_t>(bytes, kAtReserved) != 0) return "reserved bytes are not zero";
  const ChunkHeader header = header_fields(bytes);
  if (const std::string_view fault = fault_of(header); !fault.empty()) return std::string(fault);
  return header;
}

TableEntryBytes encode_entry(const TableEntry& entry) {
  TableEntryBytes bytes{};
  put(bytes, kEntryLabel, entry.label);
  put(bytes, kEntryNameLength, entry.name_length);
  put(bytes, kEntryNameOffset, entry.name_offset);
  put(bytes, kEntryPayloadOffset, entry.payload_offset);
  put(bytes, kEntryPayloadLength, entry.payload_length);
  put(bytes, kEntryChecksum, entry.checksum);
  return bytes;
}

TableEntry decode_entry(std::span<const std::byte, kTableEntryBytes> bytes) {
  TableEntry entry;
  entry.label = get<std::int32_t>(bytes, kEntryLabel);
  entry.name_length = get<std::uint32_t>(bytes, kEntryNameLength);
  entry.name_offset = get<std::uint64_t>(bytes, kEntryNameOffset);
  entry.payload_offset = get<std::uint64_t>(bytes, kEntryPayloadOffset);
  entry.payload_length = get<std::uint64_t>(bytes, kEntryPayloadLength);
  entry.checksum = get<std::uint64_t>(bytes, kEntryChecksum);
  return entry;
}

}  // namespace convoy
