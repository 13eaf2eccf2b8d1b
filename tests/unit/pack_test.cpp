// shardpack's work: what goes where, whatever the inputs, the memory and the threads; what is left out.
#include "lib/shards/pack.h"

#include <gtest/gtest.h>

#include "formats/jpeg.h"
#include "lib/base/error.h"
#include "lib/shards/extract.h"
#include "lib/shards/outputs.h"
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
    Rejects rejects({}, false, console_);
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

TEST(OutputPattern, NamesOutputs) {
  EXPECT_EQ(OutputPattern("x-%05d.shard", true, false).name("", 12), "x-00012.shard");
  EXPECT_EQ(OutputPattern("%d", true, false).name("", 12), "12");
  EXPECT_EQ(OutputPattern("%s/%s-%02d%%", true, true).name("val", 123), "val/val-123%");
  EXPECT_EQ(OutputPattern("50%d", false, false).name("", 0), "50%d");
  for (const char* bad : {"x", "-", "%", "%5d", "%00d", "%99d", "%x", "%1s", "a%d%", "%s%d"}) {
    EXPECT_THROW(OutputPattern(bad, true, false), UsageError) << bad;
  }
  EXPECT_THROW(OutputPattern("%d", true, true), UsageError);
}

TEST(ParseBytes, TakesSuffixes) {
  EXPECT_EQ(parse_bytes("0", "x"), 0U);
  EXPECT_EQ(parse_bytes("1000", "x"), 1000U);
  EXPECT_EQ(parse_bytes("3K", "x"), 3072U);
  EXPECT_EQ(parse_bytes("16777215T", "x"), std::uint64_t{16777215} << 40);
  for (const char* bad : {"", "K", "-1", "1KB", "1k", "1.5G", "16777216T", " 1", "99999999999999999999"}) {
    EXPECT_THROW(static_cast<void>(parse_bytes(bad, "x")), UsageError) << bad;
  }
}

TEST(SafeFileName, CannotLeaveItsFolder) {
  EXPECT_EQ(safe_file_name("n01440764"), "n01440764");
  EXPECT_EQ(safe_file_name(".."), "%2E.");
  EXPECT_EQ(safe_file_name("../a"), "%2E.%2Fa");
  EXPECT_EQ(safe_file_name("-rf"), "%2Drf");
  EXPECT_EQ(safe_file_name(std::string("a\0b\n%", 5)), "a%00b%0A%25");
  EXPECT_EQ(safe_file_name(""), "_");
  EXPECT_LE(safe_file_name(std::string(1000, '\n')).size(), 204U);
}

// Names that a hostile shard may have.
TEST_F(Packing, ExtractsIntoItsFolderAlone) {
  DatasetInfo info = small_info(2, 2, 1, 2);
  info.classes[0].id = "..";
  info.classes[1].id = "a/../../b";
  std::vector<ShardRecord> records;
  for (const char* name : {"../x", "/etc/x", "x", "x", "x.png", "x~2.png", "", ".", "../", "a//b"}) {
    for (const std::int32_t label : {-1, 0, 1}) records.push_back({label, name, {1, 2, 3, 4}});
  }
  write_shard(folder_ / "x", info, records);
  Rejects rejects({}, false, console_);
  static_cast<void>(extract_shards({folder_ / "x"}, folder_ / "out/deep", 2, rejects, console_));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
    if (entry.is_regular_file() && entry.path().extension() == ".png") {
      ++files;
      EXPECT_EQ(entry.path().string().find(folder_ / "out/deep/"), 0U) << entry.path();
    }
  }
  EXPECT_EQ(files, records.size());
}

}  // namespace
}  // namespace convoy
