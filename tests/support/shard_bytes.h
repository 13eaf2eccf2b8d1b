// A second reader of the shard format, written from man/convoy-shard.5 alone, and a fixture that compares the
// two readers of the library.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/file.h"
#include "tests/support/memory_file.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy::test {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] Bytes operator+(Bytes a, const Bytes& b);
// The lines, each with its newline.
[[nodiscard]] std::string joined(const std::vector<std::string>& lines);

struct DocumentedRecord {
  std::int32_t label;
  std::string name;
  std::uint64_t offset;  // in the file
  std::uint64_t length;
  std::uint64_t checksum;
};
struct DocumentedChunk {
  std::uint64_t offset, length, sequence, first_record, record_count, payload_offset, stride, previous;
  std::uint32_t version, kind;
  std::string metadata;
  std::uint64_t header_checksum, body_checksum;
  std::vector<DocumentedRecord> records;
};
// Throws std::out_of_range if bytes are missing.
[[nodiscard]] std::vector<DocumentedChunk> documented_chunks(const Bytes& bytes);
// Which bytes carry no data: from the end of the payloads to the end of the chunk.
[[nodiscard]] std::vector<bool> padding_of(const Bytes& bytes);
[[nodiscard]] std::uint64_t little_endian(const Bytes& bytes, std::uint64_t offset, int count);
void put_u64(Bytes& bytes, std::uint64_t offset, std::uint64_t value);
// Recomputes the checksums of the chunk at `at` after its fields have been changed.
void seal(Bytes& bytes, std::uint64_t at);

// A FIFO that delivers `bytes`, a few at a time.
class Fifo {
 public:
  Fifo(std::string path, Bytes bytes);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::jthread writer_;
};

class ShardTest : public ::testing::Test {
 protected:
  [[nodiscard]] Bytes make(const DatasetInfo& info, const std::vector<ShardRecord>& records,
                           std::uint64_t chunk_bytes = kDefaultChunkBytes) const;
  // Reads with both readers, which must return and report the same, in any order of messages.
  [[nodiscard]] ReadResult read(const Bytes& bytes) const;

  TemporaryFolder folder_;
  MemoryFile memory_;
  std::string path_ = memory_.path();
};

}  // namespace convoy::test
