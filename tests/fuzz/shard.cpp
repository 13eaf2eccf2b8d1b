// Shards: the reader of streams and the reader of mapped files find the same records, and report the same
// losses. What they found, written again, is read without loss.
#include "formats/shard.h"

#include <xxhash.h>

#include <algorithm>

#include "formats/shard_damage.h"
#include "formats/shard_layout.h"
#include "formats/shard_walk.h"
#include "tests/fuzz/common/reader.h"
#include "tests/support/shards.h"

namespace convoy::fuzz {
namespace {

using test::ReadResult;

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

void check_rewritten(const std::string& path, const ReadResult& read) {
  const ShardFile file(path, [](const Damage& /*damage*/) {});
  const std::string copy = scratch("shard");
  test::write_shard(copy, file.info(), read.records, kChunkAlignment);
  const ReadResult again = test::read_stream(copy);
  require(again.records == read.records && again.damage.empty() && again.error.empty(),
          "records that are written and read differ: " + again.error);
  require(ShardFile(copy, [](const Damage& /*damage*/) {}).info() == file.info(),
          "what a shard says about its records differs once it is written and read");
}

void fuzz(Input input) {
  const std::string path = file_with(input);
  const ReadResult stream = test::read_stream(path);
  const ReadResult mapped = test::read_mapped(path);
  require(stream.error == mapped.error, "errors differ: '" + stream.error + "', '" + mapped.error + "'");
  if (!stream.error.empty()) return;
  require(stream.records == mapped.records, "records differ");
  require(stream.indexes == mapped.indexes, "indexes differ");
  require(sorted(stream.damage) == sorted(mapped.damage), "losses differ");
  require(stream.lost == mapped.lost && stream.more == mapped.more, "counts of losses differ");
  require(std::is_sorted(stream.indexes.begin(), stream.indexes.end()), "indexes fall");
  check_rewritten(path, stream);
}

// The payloads' checksums in the table, those of the body and the header, and the chain from chunk to chunk.
void repair(Bytes& bytes) {
  constexpr std::size_t kBody = 104;
  constexpr std::size_t kHeader = 120;
  constexpr std::size_t kPrevious = 96;
  std::uint64_t previous = 0;
  for (std::size_t at = 0; at + kChunkHeaderBytes <= bytes.size();) {
    const Input chunk = std::span(bytes).subspan(at);
    if (!text_of(chunk).starts_with(kChunkMagic)) {
      at += kChunkAlignment;
      continue;
    }
    const std::uint64_t records = little_endian(chunk, 40, 8);
    const std::uint64_t table = little_endian(chunk, 56, 8);
    for (std::uint64_t i = 0; i < records && table <= chunk.size() && i < 64; ++i) {
      const std::size_t entry = table + i * kTableEntryBytes;
      if (entry + kTableEntryBytes > chunk.size()) break;
      const std::uint64_t offset = little_endian(chunk, entry + 16, 8);
      const std::uint64_t length = little_endian(chunk, entry + 24, 8);
      if (offset > chunk.size() || length > chunk.size() - offset) continue;
      put_little_endian(bytes, at + entry + 32, 8, XXH3_64bits(chunk.data() + offset, length));
    }
    const std::uint64_t payloads = little_endian(chunk, 80, 8);
    if (payloads >= kChunkHeaderBytes && payloads <= chunk.size()) {
      put_little_endian(bytes, at + kBody, 8,
                        XXH3_64bits(chunk.data() + kChunkHeaderBytes, payloads - kChunkHeaderBytes));
    }
    // One chunk in eight keeps what it says of the chunk before it.
    if (pick(chunk.first(kPrevious), 0, 8) != 0) put_little_endian(bytes, at + kPrevious, 8, previous);
    previous = XXH3_64bits(chunk.data(), kHeader);
    put_little_endian(bytes, at + kHeader, 8, previous);
    const std::uint64_t length = little_endian(chunk, 16, 8);
    at += std::max<std::uint64_t>(kChunkAlignment, std::min<std::uint64_t>(length, bytes.size()));
  }
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> all;
  for (const auto& info : {test::small_info(3, 2, 3, 4), test::small_info(4, 4, 1, 0, Codec::jpeg)}) {
    for (const unsigned records : {0U, 1U, 5U}) {
      test::write_shard(scratch("seed"), info, test::numbered_records(info, 0, records), 1);
      all.push_back(test::bytes_of_file(scratch("seed")));
    }
  }
  return all;
}

const AddReader kReader({.name = "shard", .fuzz = fuzz, .seeds = seeds, .repair = repair, .longest = 40960});

}  // namespace
}  // namespace convoy::fuzz
