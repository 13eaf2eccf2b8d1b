// The shard format: see man/convoy-shard.5 for every byte.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/shard_damage.h"
#include "lib/base/file.h"
#include "lib/base/memory.h"

namespace convoy {

inline constexpr std::uint64_t kMaxPayloadBytes = std::uint64_t{1} << 32;  // one record
inline constexpr std::uint64_t kMaxChunkBytes = std::uint64_t{1} << 36;
inline constexpr std::uint64_t kMaxRecordNameBytes = 65535;
// Large enough that headers and class tables cost little, small enough that a damaged header costs
// few records.
inline constexpr std::uint64_t kDefaultChunkBytes = std::uint64_t{4} << 20;

// The reason given for a record whose payload is not what was written.
inline constexpr std::string_view kPayloadDamaged = "payload checksum mismatch";

// One record as it travels between tools. Raw payloads are height x width x channels bytes (HWC).
struct ShardRecord {
  std::int32_t label = kNoLabel;
  std::string name;  // where it came from: "n01440764/n01440764_10026.JPEG", "stdin:1"
  std::vector<std::uint8_t> payload;
};

// Writes one shard to `out`: a chunk whenever one is full, the end chunk in finish(). The caller commits
// `out`. The bytes depend only on info, the records, their order and chunk_bytes.
class ShardWriter {
 public:
  // chunk_bytes: a chunk is closed before its records take more than this, unless one record alone does.
  ShardWriter(OutputFile& out, DatasetInfo info, std::uint64_t chunk_bytes = kDefaultChunkBytes);
  ShardWriter(const ShardWriter&) = delete;
  ShardWriter& operator=(const ShardWriter&) = delete;
  ShardWriter(ShardWriter&&) noexcept;
  ShardWriter& operator=(ShardWriter&&) = delete;
  ~ShardWriter();
  // Throws Error if the label is outside the class table, if a raw payload does not have the size of the
  // images, or if the name is too long.
  void add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload);
  // The same for a payload whose XXH3-64 is already known.
  void add(std::int32_t label, std::string_view name, std::span<const std::uint8_t> payload,
           std::uint64_t checksum);
  void finish();
  [[nodiscard]] std::uint64_t records() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A record in place: views into a ShardFile, valid as long as the file, or into the chunk that a
// ShardReader holds.
struct RecordView {
  std::int32_t label = kNoLabel;
  std::string_view name;
  std::span<const std::uint8_t> payload;
  std::uint64_t offset = 0;    // of the payload, in bytes from the start of the file
  std::uint64_t checksum = 0;  // XXH3-64 of the payload
  // Whether the payload is what was written. Reads all of it, at some 10 GB/s.
  [[nodiscard]] bool intact() const;
};

// Reads a stream of chunks in order from a file or a pipe.
class ShardReader {
 public:
  // Reads up to the first whole chunk. Throws Error if there is none (an empty input, another kind of file).
  // The bytes of a chunk from a pipe are held in memory: throws Error if more of them arrive than the limit
  // allows.
  ShardReader(InputFile& in, DamageHandler on_damage, const MemoryLimit& memory = {});
  ShardReader(const ShardReader&) = delete;
  ShardReader& operator=(const ShardReader&) = delete;
  ShardReader(ShardReader&&) noexcept;
  ShardReader& operator=(ShardReader&&) = delete;
  ~ShardReader();
  [[nodiscard]] const DatasetInfo& info() const;
  // The next whole record, or nothing at the end. Throws Error if the stream's chunks differ in
  // their DatasetInfo.
  [[nodiscard]] std::optional<ShardRecord> next();
  // The same without a copy: valid until the next call.
  [[nodiscard]] std::optional<RecordView> next_view();
  // Index of the last record returned, among the records of the input: the same as in a ShardFile.
  [[nodiscard]] std::uint64_t index() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Random access to a shard: maps it (a pipe is first copied to a temporary file, see MappedFile) and reads
// only its headers and tables.
class ShardFile {
 public:
  // name: what messages call the shard; empty: its path. memory: what its metadata may take.
  ShardFile(const std::string& path, const DamageHandler& on_damage, const std::string& name = {},
            const MemoryLimit& memory = {});
  [[nodiscard]] const std::string& name() const { return file_.name(); }
  [[nodiscard]] const DatasetInfo& info() const { return *info_; }
  // Holds the metadata together with `other`, whose are equal.
  void share_info(const ShardFile& other) { info_ = other.info_; }
  [[nodiscard]] std::uint64_t size() const { return records_; }
  [[nodiscard]] std::uint64_t chunks() const { return chunks_.size(); }
  [[nodiscard]] RecordView record(std::uint64_t index) const;  // index < size()

 private:
  struct Chunk {
    std::uint64_t first = 0;   // index of its first record
    std::uint64_t offset = 0;  // of the chunk in the file
    std::uint64_t count = 0;
    std::uint64_t table = 0;  // offset of its record table in the chunk
    std::uint64_t names = 0;  // offset of its names in the chunk
  };
  MappedFile file_;
  std::shared_ptr<const DatasetInfo> info_;
  std::vector<Chunk> chunks_;
  std::uint64_t records_ = 0;
};

}  // namespace convoy
