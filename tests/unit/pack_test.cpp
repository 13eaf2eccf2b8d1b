// lib/shards/pack: which records are written, and the same bytes for any inputs, memory and threads.
#include "lib/shards/pack.h"

#include <gtest/gtest.h>

#include "formats/jpeg.h"
#include "lib/base/error.h"
#include "tests/support/archives.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::bytes_of_file;
using test::numbered_records;
using test::read_stream;
using test::small_info;
using test::write_shard;

class Packing : public ::testing::Test {
 protected:
  std::vector<std::uint8_t> pack_to_bytes(PackOptions options) {
    options.output = folder_ / "out";
    options.quality = 90;
    Rejects rejects({}, console_);
    static_cast<void>(pack(options, rejects, console_));
    rejected_ = rejects.count();
    return bytes_of_file(options.output);
  }

  test::TemporaryFolder folder_;
  Console console_{"pack_test", Console::Verbosity::quiet};
  std::uint64_t rejected_ = 0;
};

TEST_F(Packing, MemoryThreadsAndFilesDoNotMatter) {
  const DatasetInfo info = small_info(9, 7, 3, 4);
  const auto records = numbered_records(info, 0, 100);
  write_shard(folder_ / "all", info, records);
  write_shard(folder_ / "a", info, {records.begin(), records.begin() + 31}, 900);
  write_shard(folder_ / "b", info, {records.begin() + 31, records.end()}, 2000);
  for (const auto codec : {std::optional<Codec>(), std::optional(Codec::jpeg)}) {
    PackOptions options;
    options.inputs = {folder_ / "all"};
    options.shuffle = true;
    options.seed = 5;
    options.memory = 1 << 30;
    options.codec = codec;
    const auto expected = pack_to_bytes(options);
    options.inputs = {folder_ / "a", folder_ / "b"};
    for (const std::uint64_t memory : {1, 1000, 5000, 15000}) {
      for (const int threads : {1, 3}) {
        options.memory = memory;
        options.threads = threads;
        EXPECT_EQ(pack_to_bytes(options), expected) << memory << " " << threads;
      }
    }
    options.seed = 6;
    EXPECT_NE(pack_to_bytes(options), expected);
  }
}

TEST_F(Packing, PartsAreSlicesOfTheOrder) {
  const DatasetInfo info = small_info(9, 7, 3, 4);
  const auto records = numbered_records(info, 0, 50);
  write_shard(folder_ / "a", info, {records.begin(), records.begin() + 31}, 900);
  write_shard(folder_ / "b", info, {records.begin() + 31, records.end()}, 2000);
  for (const bool shuffle : {true, false}) {
    PackOptions options;
    options.inputs = {folder_ / "a", folder_ / "b"};
    options.shuffle = shuffle;
    options.seed = 5;
    options.memory = 1 << 30;
    const auto expected = pack_to_bytes(options);
    for (const std::uint64_t parts : {1, 2, 3, 7, 50, 60}) {
      std::vector<std::uint8_t> joined;
      for (std::uint64_t number = 1; number <= parts; ++number) {
        // A slice that does not fit goes through a temporary file.
        options.memory = number % 2 == 0 ? 1 << 30 : 1000;
        options.part = Part{.number = number, .count = parts};
        const auto slice = pack_to_bytes(options);
        joined.insert(joined.end(), slice.begin(), slice.end());
      }
      test::write_file(folder_ / "joined", joined);
      PackOptions merge;
      merge.inputs = {folder_ / "joined"};
      EXPECT_EQ(pack_to_bytes(merge), expected) << parts << " parts";
    }
  }
}

TEST_F(Packing, LeavesOutWhatDoesNotDecode) {
  const DatasetInfo info = small_info(9, 7, 3, 4, Codec::jpeg);
  auto records = numbered_records(info, 0, 3);  // payloads of random bytes
  records[1].payload = encode_jpeg(Image{9, 7, 3, std::vector<std::uint8_t>(9 * 7 * 3, 100)}, 90);
  write_shard(folder_ / "x", info, records);
  PackOptions options;
  options.inputs = {folder_ / "x"};
  options.codec = Codec::raw;
  options.threads = 2;
  static_cast<void>(pack_to_bytes(options));
  EXPECT_EQ(rejected_, 2U);
  const auto result = read_stream(folder_ / "out");
  ASSERT_EQ(result.records.size(), 1U);
  EXPECT_EQ(result.records[0].name, "record1");
  EXPECT_EQ(result.records[0].payload, std::vector<std::uint8_t>(9 * 7 * 3, 100));
}

}  // namespace
}  // namespace convoy
