// Small shards for tests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/shard.h"

namespace convoy::test {

// width x height x channels, classes "class0", "class1", ...
[[nodiscard]] DatasetInfo small_info(int width, int height, int channels, int classes,
                                     Codec codec = Codec::raw);

// A record with the name "record<id>", the label id modulo the number of classes, and bytes that depend only
// on id: as many as an image has, or 1 to 200 for JPEG, whose payloads the format does not parse.
[[nodiscard]] ShardRecord numbered_record(const DatasetInfo& info, std::uint64_t id);
[[nodiscard]] std::vector<ShardRecord> numbered_records(const DatasetInfo& info, std::uint64_t first,
                                                        std::uint64_t count);

void write_shard(const std::string& path, const DatasetInfo& info, const std::vector<ShardRecord>& records,
                 std::uint64_t chunk_bytes = kDefaultChunkBytes);

// What a reader returned and reported. `error` is the message of the Error that ended it; empty: none did.
struct ReadResult {
  std::vector<ShardRecord> records;
  std::vector<std::uint64_t> indexes;  // of the records, in the input
  std::vector<std::string> damage;
  std::uint64_t lost = 0;  // records, as far as the reader knows
  bool more = false;       // whether it says that more may be lost
  std::string error;
};
[[nodiscard]] ReadResult read_stream(const std::string& path);  // by ShardReader
[[nodiscard]] ReadResult read_mapped(const std::string& path);  // by ShardFile, payloads checked

[[nodiscard]] std::vector<std::uint8_t> bytes_of_file(const std::string& path);

}  // namespace convoy::test

namespace convoy {

inline bool operator==(const ShardRecord& a, const ShardRecord& b) {
  return a.label == b.label && a.name == b.name && a.payload == b.payload;
}

}  // namespace convoy
