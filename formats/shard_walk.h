// Walks from chunk to chunk of a shard that may be damaged. Shared by the readers of streams and of mapped
// files, so that both find the same records and report the same losses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/chunk_source.h"
#include "formats/shard.h"
#include "formats/shard_layout.h"

namespace convoy {

// A data chunk whose header, metadata, table and names are whole and checked.
struct ChunkPlace {
  ChunkHeader header;
  std::uint64_t offset = 0;  // of the chunk
  std::uint64_t first = 0;   // index of its first record among the records of the input
  std::uint64_t count = 0;   // records whose payloads are present, in a chunk that may be cut short
};

// Returns the data chunks in order, and reports what is lost between and in them. Payloads are not read.
class ChunkWalker {
 public:
  // memory: what metadata may take.
  ChunkWalker(ChunkSource& source, std::string name, DamageHandler on_damage, MemoryLimit memory = {})
      : source_(source),
        name_(std::move(name)),
        on_damage_(std::move(on_damage)),
        memory_(std::move(memory)) {}

  // The next data chunk, or nothing at the end. Throws Error if the input has no chunk at all, and
  // FormatError if the chunk's metadata are invalid or differ from those before.
  [[nodiscard]] std::optional<ChunkPlace> next();
  // Describes the chunks returned so far.
  [[nodiscard]] const DatasetInfo& info() const { return info_; }

  void report(std::uint64_t offset, std::string_view what, Loss loss);
  void report_record(std::uint64_t index, const RecordView& record, std::string_view what);

 private:
  // What the next header must say if nothing is missing before it.
  struct Expected {
    bool open = false;  // inside a stream, so that an end chunk must come
    std::uint64_t sequence = 0;
    std::uint64_t records = 0;
    std::uint64_t previous = 0;
  };
  // What is missing before a chunk, according to the chain of headers; no text if nothing is.
  struct Missing {
    std::string text = {};
    Loss loss = {.records = 0};
  };
  // Bytes that were skipped before a chunk; no text if there were none.
  struct Gap {
    std::uint64_t offset = 0;
    std::string text = {};
  };
  std::optional<ChunkHeader> next_header();
  std::optional<ChunkHeader> seek_header(const std::string& fault, Gap& gap);
  std::optional<std::uint64_t> scan(std::uint64_t from, std::uint64_t to, bool release);
  std::uint64_t extent_of(const ChunkHeader& header);
  [[nodiscard]] Missing missing_before(const ChunkHeader& header) const;
  void follow(const ChunkHeader& header, const Gap& gap);
  std::optional<ChunkPlace> open_chunk(const ChunkHeader& header, std::uint64_t extent);
  void check_metadata(std::span<const std::byte> metadata, std::uint64_t offset);
  [[nodiscard]] std::string check_table(const ChunkHeader& header, std::span<const std::byte> body) const;
  [[noreturn]] void throw_no_shard(const std::string& fault);

  ChunkSource& source_;
  std::string name_;
  DamageHandler on_damage_;
  MemoryLimit memory_;
  std::uint64_t cursor_ = 0;  // where the next chunk should start
  std::uint64_t first_ = 0;   // records returned so far
  Expected expected_;
  bool any_header_ = false;
  bool any_metadata_ = false;
  bool finished_ = false;
  std::string metadata_;  // as bytes: every chunk has the same
  DatasetInfo info_;
};

// shard_checksum() of bytes of the source, which begin at `offset`. Large ones are told to it as they are
// looked at, so that they need not stay in memory.
[[nodiscard]] std::uint64_t checksum_of(ChunkSource& source, std::span<const std::byte> bytes,
                                        std::uint64_t offset);

// Entry `index` of a chunk from a ChunkWalker; `chunk` starts at the chunk's first byte.
[[nodiscard]] TableEntry entry_at(std::span<const std::byte> chunk, const ChunkHeader& header,
                                  std::uint64_t index);
// The record of an entry: views into `chunk`, which starts at `offset` of its input.
[[nodiscard]] RecordView view_record(std::span<const std::byte> chunk, std::uint64_t offset,
                                     const ChunkHeader& header, std::uint64_t index);

}  // namespace convoy
