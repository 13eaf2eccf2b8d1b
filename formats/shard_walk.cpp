#include "formats/shard_walk.h"

#include <algorithm>
#include <cstring>

#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/xxh3.h"

namespace convoy {
namespace {

constexpr std::uint64_t kScanStep = std::uint64_t{1} << 20;
// How far to look for the first chunk: enough to find a shard whose first chunks are lost, without reading
// all of an archive that is no shard.
constexpr std::uint64_t kMaxLeadIn = std::uint64_t{64} << 20;
// The loss of damage that cost no record, and of damage after which nothing tells what was there.
constexpr Loss kNothing{.records = 0};
constexpr Loss kUnknown{.records = 0, .more = true};
constexpr std::size_t kChecksumStep = std::size_t{16} << 20;

// What text-mode transfers do to the magic: they remove or add carriage returns, or clear the eighth bit.
bool maimed_as_text(std::span<const std::byte> start) {
  const std::string_view text = as_text(start);
  for (const std::string_view maimed : {"\x89"
                                        "CVY\n",
                                        "\x89"
                                        "CVY\r\r\n",
                                        "\tCVY"}) {
    if (text.substr(0, maimed.size()) == maimed) return true;
  }
  return false;
}

}  // namespace

std::uint64_t checksum_of(ChunkSource& source, std::span<const std::byte> bytes, std::uint64_t offset) {
  if (bytes.size() <= kChecksumStep) return shard_checksum(bytes);
  Xxh3 sum;
  for (std::size_t at = 0; at < bytes.size(); at += kChecksumStep) {
    sum.add(bytes.subspan(at, std::min(kChecksumStep, bytes.size() - at)));
    source.looked_before(offset + at);
  }
  return sum.value();
}

void ChunkWalker::report(std::uint64_t offset, std::string_view what, Loss loss) {
  on_damage_({.place = name_, .offset = offset, .reason = std::string(what), .loss = loss});
}

void ChunkWalker::report_record(std::uint64_t index, const RecordView& record, std::string_view what) {
  on_damage_({.place = record_place(name_, index, record.name),
              .offset = record.offset,
              .reason = std::string(what)});
}

std::optional<ChunkPlace> ChunkWalker::next() {
  while (!finished_) {
    const auto header = next_header();
    if (!header) {
      finished_ = true;
      break;
    }
    const std::uint64_t extent = extent_of(*header);
    auto place = open_chunk(*header, extent);
    cursor_ += extent;
    if (place) return place;
  }
  return std::nullopt;
}

// Leaves cursor_ at the header that it returns.
std::optional<ChunkHeader> ChunkWalker::next_header() {
  source_.release_before(cursor_);
  const auto bytes = source_.bytes(cursor_, kChunkHeaderBytes);
  if (bytes.empty()) {
    if (!any_header_) throw Error(name_, "empty input, not a shard");
    if (expected_.open) report(cursor_, "input ends without an end chunk: what followed is lost", kUnknown);
    return std::nullopt;
  }
  const auto decoded = decode_header(bytes);
  if (const auto* header = std::get_if<ChunkHeader>(&decoded)) {
    follow(*header, {});
    return *header;
  }
  Gap gap;
  const auto header = seek_header(std::get<std::string>(decoded), gap);
  if (header) follow(*header, gap);
  return header;
}

// Looks for the next header after the bad one at cursor_. `gap` says what was skipped.
std::optional<ChunkHeader> ChunkWalker::seek_header(const std::string& fault, Gap& gap) {
  const std::uint64_t bad = cursor_;
  const std::string wrong =
      any_header_ ? std::string()
                  : wrong_content(as_u8(source_.bytes(bad, kContentBytes)), convoy::Expected::shard);
  const bool maimed = !any_header_ && maimed_as_text(source_.bytes(bad, kChunkHeaderBytes));
  const std::uint64_t limit = any_header_ ? UINT64_MAX : bad + kMaxLeadIn;
  const auto found = scan(bad + 1, limit, true);
  if (!found) {
    if (maimed) throw_no_shard("a shard that was transferred as text: fetch it again in binary mode");
    if (!wrong.empty()) throw Error(name_, wrong);
    if (!any_header_) throw_no_shard("not a shard (" + fault + ")");
    report(bad,
           fault + ": no chunk from here to the input's end" +
               (expected_.open ? "; the end chunk and what came before it are lost" : ""),
           expected_.open ? kUnknown : kNothing);
    return std::nullopt;
  }
  cursor_ = *found;
  gap = {bad, fault + ": " + count_of(*found - bad, "byte") + " skipped to the next chunk at " +
                  offset_text(*found)};
  return std::get<ChunkHeader>(decode_header(source_.bytes(*found, kChunkHeaderBytes)));
}

void ChunkWalker::throw_no_shard(const std::string& fault) { throw FormatError(name_, cursor_, fault); }

// The offset of the first whole, valid header that starts in [from, to).
std::optional<std::uint64_t> ChunkWalker::scan(std::uint64_t from, std::uint64_t to, bool release) {
  while (from < to) {
    if (release) source_.release_before(from);
    const std::uint64_t step = std::min(to - from, kScanStep);
    const auto window = source_.bytes(from, step + kChunkHeaderBytes - 1);
    std::size_t at = 0;
    while (at < step && at + kChunkHeaderBytes <= window.size()) {
      const void* hit =
          ::memmem(window.data() + at, window.size() - at, kChunkMagic.data(), kChunkMagic.size());
      if (hit == nullptr) break;
      at = static_cast<std::size_t>(static_cast<const std::byte*>(hit) - window.data());
      if (at >= step) break;
      if (std::holds_alternative<ChunkHeader>(decode_header(window.subspan(at)))) return from + at;
      ++at;
    }
    if (window.size() < step + kChunkHeaderBytes - 1) break;
    from += step;
  }
  return std::nullopt;
}

// How many bytes of the chunk at cursor_ are present: fewer than its length if the input ends, or if the next
// chunk starts within it because bytes in between were cut out.
std::uint64_t ChunkWalker::extent_of(const ChunkHeader& header) {
  const auto whole = source_.bytes(cursor_, header.length + kChunkHeaderBytes);
  if (whole.size() >= header.length) {
    const auto after = whole.subspan(header.length);
    if (after.empty() || std::holds_alternative<ChunkHeader>(decode_header(after))) return header.length;
  }
  const auto inner = scan(cursor_ + kChunkHeaderBytes, cursor_ + header.length, false);
  if (!inner && whole.size() >= source_.most()) {
    throw FormatError(name_, cursor_,
                      "a chunk of " + format_bytes(header.length) + ", of which a pipe's reader holds " +
                          format_bytes(source_.most()) + ": give the file");
  }
  return inner ? *inner - cursor_ : std::min<std::uint64_t>(header.length, whole.size());
}

ChunkWalker::Missing ChunkWalker::missing_before(const ChunkHeader& header) const {
  const auto chunks = [](std::uint64_t count, std::uint64_t records) {
    return count_of(count, "chunk") + " with " + count_of(records, "record") + " lost";
  };
  if (!expected_.open) {
    if (header.sequence == 0) return {};
    return {"the start of its stream is missing: " + chunks(header.sequence, header.first_record),
            {.records = header.first_record}};
  }
  if (header.sequence > expected_.sequence && header.first_record >= expected_.records) {
    const std::uint64_t records = header.first_record - expected_.records;
    return {chunks(header.sequence - expected_.sequence, records), {.records = records}};
  }
  if (header.sequence == expected_.sequence && header.first_record == expected_.records &&
      header.previous == expected_.previous) {
    return {};
  }
  std::string text = "the stream before it has no end chunk: what followed there is lost";
  if (header.sequence > 0) text += ", and of its own stream " + chunks(header.sequence, header.first_record);
  return {text, {.records = header.first_record, .more = true}};
}

void ChunkWalker::follow(const ChunkHeader& header, const Gap& gap) {
  any_header_ = true;
  const auto [missing, loss] = missing_before(header);
  if (!gap.text.empty()) {
    report(gap.offset, gap.text + ": " + (missing.empty() ? "no record lost" : missing), loss);
  } else if (!missing.empty()) {
    report(cursor_, "before this chunk, " + missing, loss);
  }
  if (header.kind == ChunkKind::end) {
    expected_ = Expected{};
  } else {
    expected_ = {true, header.sequence + 1, header.first_record + header.records, header.checksum};
  }
}

std::optional<ChunkPlace> ChunkWalker::open_chunk(const ChunkHeader& header, std::uint64_t extent) {
  const bool end = header.kind == ChunkKind::end;
  const auto lost = [&](const std::string& fault) {
    report(cursor_, fault + (end ? "" : ": chunk of " + count_of(header.records, "record") + " lost"),
           {.records = header.records});  // of which an end chunk has none
    return std::nullopt;
  };
  if (extent < header.payload_offset)
    return lost(end ? "end chunk cut short" : "chunk cut short in its table");
  const auto chunk = source_.bytes(cursor_, header.payload_offset);
  if (checksum_of(source_, chunk.subspan(kChunkHeaderBytes), cursor_ + kChunkHeaderBytes) !=
      header.body_checksum) {
    return lost(end ? "end chunk's padding is damaged" : "metadata or record table checksum mismatch");
  }
  if (end) return std::nullopt;
  check_metadata(chunk.subspan(kChunkHeaderBytes, header.metadata_length), cursor_);
  if (const std::string fault = check_table(header, chunk); !fault.empty()) return lost(fault);
  ChunkPlace place{header, cursor_, first_, header.records};
  if (extent < header.length) {
    // Payloads are stored in the order of the table, so those that are present come first.
    const auto is_there = [&](std::uint64_t index) {
      const TableEntry entry = entry_at(chunk, header, index);
      return entry.payload_offset + entry.payload_length <= extent;
    };
    while (place.count > 0 && !is_there(place.count - 1)) --place.count;
    const std::uint64_t lost_records = header.records - place.count;
    report(cursor_,
           "chunk cut short at " + offset_text(cursor_ + extent) + ": its last " +
               count_of(lost_records, "record") + " lost",
           {.records = lost_records});
  }
  first_ += place.count;
  return place;
}

void ChunkWalker::check_metadata(std::span<const std::byte> metadata, std::uint64_t offset) {
  if (any_metadata_ && as_text(metadata) == metadata_) return;
  const std::uint64_t at = offset + kChunkHeaderBytes;
  const DatasetInfo info = parse_dataset_info(as_text(metadata), name_, name_, at, memory_);
  if (any_metadata_) {
    const std::string difference = describe_difference(info_, info, CompareCodec::yes);
    throw FormatError(name_, at,
                      "the chunks of one stream differ in their metadata: " +
                          (difference.empty() ? "the same values in other bytes" : difference));
  }
  if (image_bytes(info) > kMaxPayloadBytes) throw FormatError(name_, at, "images larger than the limit");
  info_ = info;
  metadata_ = as_text(metadata);
  any_metadata_ = true;
}

// What is wrong with the table of a chunk whose checksums are right; empty if nothing is.
std::string ChunkWalker::check_table(const ChunkHeader& header, std::span<const std::byte> body) const {
  const bool raw = info_.codec == Codec::raw;
  const std::uint64_t image = image_bytes(info_);
  if (raw ? header.stride < image : header.stride != 0) return "stride does not fit the images";
  std::uint64_t free_from = header.payload_offset;
  std::uint64_t named = 0;  // bytes of names
  for (std::uint64_t i = 0; i < header.records; ++i) {
    const TableEntry entry = entry_at(body, header, i);
    const auto fault = [i](const char* what) {
      return "record table entry " + std::to_string(i) + ": " + what;
    };
    if (entry.label < kNoLabel || entry.label >= static_cast<std::int64_t>(info_.classes.size())) {
      return fault("label outside the class table");
    }
    const auto name_end = checked_add(entry.name_offset, entry.name_length);
    if (!name_end || *name_end > header.names_length || entry.name_length > kMaxRecordNameBytes) {
      return fault("name outside its place");
    }
    // Else a record of 40 bytes would be one of 64 KiB wherever its name is written.
    named += entry.name_length;
    if (named > header.names_length) return fault("name that shares its bytes with others");
    const auto end = checked_add(entry.payload_offset, entry.payload_length);
    if (!end || *end > header.length || entry.payload_offset < free_from ||
        entry.payload_length > kMaxPayloadBytes) {
      return fault("payload outside its place");
    }
    if (raw && (entry.payload_length != image ||
                entry.payload_offset != header.payload_offset + i * header.stride)) {
      return fault("payload is no raw image of its size at its place");
    }
    free_from = *end;
  }
  return {};
}

TableEntry entry_at(std::span<const std::byte> chunk, const ChunkHeader& header, std::uint64_t index) {
  const auto bytes = chunk.subspan(header.table_offset + index * kTableEntryBytes);
  return decode_entry(bytes.first<kTableEntryBytes>());
}

RecordView view_record(std::span<const std::byte> chunk, std::uint64_t offset, const ChunkHeader& header,
                       std::uint64_t index) {
  const TableEntry entry = entry_at(chunk, header, index);
  RecordView view;
  view.label = entry.label;
  view.name = as_text(chunk.subspan(header.names_offset + entry.name_offset, entry.name_length));
  view.payload = as_u8(chunk.subspan(entry.payload_offset, entry.payload_length));
  view.offset = offset + entry.payload_offset;
  view.checksum = entry.checksum;
  return view;
}

}  // namespace convoy
