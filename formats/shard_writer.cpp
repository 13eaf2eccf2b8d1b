#include <cstring>
#include <utility>

#include "formats/shard.h"
#include "formats/shard_layout.h"
#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {

struct ShardWriter::State {
  State(OutputFile& output, DatasetInfo description, std::uint64_t limit)
      : out(output), info(std::move(description)), chunk_bytes(limit) {
    check_dataset_info(info, out.name());
    if (image_bytes(info) > kMaxPayloadBytes) throw Error(out.name(), "images larger than the limit");
    metadata = dataset_text(info);
    if (metadata.size() > kMaxMetadataBytes) throw Error(out.name(), "class table larger than the limit");
  }

  void add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload,
           std::uint64_t checksum);
  void write_chunk(ChunkKind kind);
  void pad(std::uint64_t bytes);

  OutputFile& out;
  DatasetInfo info;
  std::uint64_t chunk_bytes;
  std::string metadata;
  std::vector<std::byte> table;     // of the current chunk, with offsets from its first payload
  std::string names;                // of that chunk
  std::vector<std::byte> payloads;  // of that chunk, one after another
  std::uint64_t chunk_records = 0;
  std::uint64_t sequence = 0;
  std::uint64_t records_before = 0;
  std::uint64_t previous = 0;
  bool finished = false;
};

void ShardWriter::State::add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload,
                             std::uint64_t checksum) {
  const auto refuse = [&](const std::string& reason) {
    throw Error(record_place(out.name(), records_before + chunk_records, name), reason);
  };
  if (finished) refuse("added after the end of the shard");
  if (label < kNoLabel || label >= static_cast<std::int64_t>(info.classes.size())) {
    refuse("label " + std::to_string(label) + " is outside the class table of " +
           count_of(info.classes.size(), "class"));
  }
  if (name.size() > kMaxRecordNameBytes) refuse("name longer than the limit");
  if (info.codec == Codec::raw && payload.size() != image_bytes(info)) {
    refuse(std::to_string(payload.size()) + " bytes of pixels instead of " +
           std::to_string(image_bytes(info)));
  }
  if (payload.empty() || payload.size() > kMaxPayloadBytes) refuse("payload empty or larger than the limit");
  const std::uint64_t filled = table.size() + names.size() + payloads.size();
  if (chunk_records > 0 && filled + kTableEntryBytes + name.size() + payload.size() > chunk_bytes) {
    write_chunk(ChunkKind::data);
  }
  TableEntry entry;
  entry.label = label;
  entry.name_length = static_cast<std::uint32_t>(name.size());
  entry.name_offset = names.size();
  entry.payload_offset = payloads.size();
  entry.payload_length = payload.size();
  entry.checksum = checksum;
  const TableEntryBytes bytes = encode_entry(entry);
  table.insert(table.end(), bytes.begin(), bytes.end());
  names += name;
  const auto payload_bytes = std::as_bytes(payload);
  payloads.insert(payloads.end(), payload_bytes.begin(), payload_bytes.end());
  ++chunk_records;
}

void ShardWriter::State::pad(std::uint64_t bytes) {
  out.write(std::vector<std::byte>(static_cast<std::size_t>(bytes)));
}

void ShardWriter::State::write_chunk(ChunkKind kind) {
  ChunkHeader header;
  header.kind = kind;
  header.sequence = sequence;
  header.first_record = records_before;
  header.records = chunk_records;
  header.metadata_length = kind == ChunkKind::data ? metadata.size() : 0;
  header.names_length = names.size();
  header.stride = kind == ChunkKind::data && info.codec == Codec::raw ? image_bytes(info) : 0;
  header.previous = previous;
  header.lay_out(payloads.size());
  // The body: metadata, table, names and padding as one run of bytes, because one checksum covers them.
  std::vector<std::byte> body(header.payload_offset - kChunkHeaderBytes);
  const auto place = [&](std::uint64_t offset, std::span<const std::byte> part) {
    if (!part.empty()) std::memcpy(body.data() + (offset - kChunkHeaderBytes), part.data(), part.size());
  };
  if (kind == ChunkKind::data) place(kChunkHeaderBytes, as_bytes_of(metadata));
  for (std::uint64_t i = 0; i < chunk_records; ++i) {
    const std::span<const std::byte> bytes = std::span(table).subspan(i * kTableEntryBytes);
    TableEntry entry = decode_entry(bytes.first<kTableEntryBytes>());
    entry.payload_offset += header.payload_offset;
    place(header.table_offset + i * kTableEntryBytes, encode_entry(entry));
  }
  place(header.names_offset, as_bytes_of(names));
  header.body_checksum = shard_checksum(body);
  out.write(encode_header(header));
  out.write(body);
  out.write(payloads);
  pad(header.length - header.payload_offset - payloads.size());
  previous = header.checksum;
  ++sequence;
  records_before += chunk_records;
  chunk_records = 0;
  table.clear();
  names.clear();
  payloads.clear();
}

ShardWriter::ShardWriter(OutputFile& out, DatasetInfo info, std::uint64_t chunk_bytes)
    : state_(std::make_unique<State>(out, std::move(info), chunk_bytes)) {}
ShardWriter::ShardWriter(ShardWriter&&) noexcept = default;
ShardWriter::~ShardWriter() = default;

void ShardWriter::add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload) {
  state_->add(label, name, payload, shard_checksum(std::as_bytes(payload)));
}

void ShardWriter::add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload,
                      std::uint64_t checksum) {
  state_->add(label, name, payload, checksum);
}

void ShardWriter::finish() {
  if (state_->finished) return;
  // A shard without records still describes its data set.
  if (state_->chunk_records > 0 || state_->sequence == 0) state_->write_chunk(ChunkKind::data);
  state_->write_chunk(ChunkKind::end);
  state_->finished = true;
}

std::uint64_t ShardWriter::records() const { return state_->records_before + state_->chunk_records; }

}  // namespace convoy
