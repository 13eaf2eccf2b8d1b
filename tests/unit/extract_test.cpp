// lib/shards/extract: names from a shard are made into safe names of files.
#include "lib/shards/extract.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "lib/shards/extract_names.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

TEST(SafeFileName, CannotLeaveItsFolder) {
  EXPECT_EQ(safe_file_name("n01440764"), "n01440764");
  EXPECT_EQ(safe_file_name(".."), "%2E.");
  EXPECT_EQ(safe_file_name("../a"), "%2E.%2Fa");
  EXPECT_EQ(safe_file_name("-rf"), "%2Drf");
  EXPECT_EQ(safe_file_name(std::string("a\0b\n%", 5)), "a%00b%0A%25");
  EXPECT_EQ(safe_file_name(""), "_");
  EXPECT_LE(safe_file_name(std::string(1000, '\n')).size(), 204U);
}

// With names that a hostile shard may have.
TEST(Extract, WritesIntoItsFolderAlone) {
  const test::TemporaryFolder folder;
  Console console("extract_test", Console::Verbosity::quiet);
  DatasetInfo info = test::small_info(2, 2, 1, 2);
  info.classes[0].id = "..";
  info.classes[1].id = "a/../../b";
  std::vector<ShardRecord> records;
  for (const char* name : {"../x", "/etc/x", "x", "x", "x.png", "x~2.png", "", ".", "../", "a//b"}) {
    for (const std::int32_t label : {-1, 0, 1}) records.push_back({label, name, {1, 2, 3, 4}});
  }
  test::write_shard(folder / "x", info, records);
  Rejects rejects({}, console);
  static_cast<void>(extract_shards({folder / "x"}, folder / "out/deep", 2, {}, rejects, console));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
    if (entry.is_regular_file() && entry.path().extension() == ".png") {
      ++files;
      EXPECT_EQ(entry.path().string().find(folder / "out/deep/"), 0U) << entry.path();
    }
  }
  EXPECT_EQ(files, records.size());
}

// The paths that are looked at for `records` records of each of several names, some of which look numbered.
std::uint64_t tries_of(std::size_t records) {
  ExtractNames names;
  std::set<std::string> given;
  for (std::size_t i = 0; i < records; ++i) {
    for (const char* name : {"a.png", "a~2.png", "a~2~2.png", "b"}) {
      for (const char* id : {"", "class"}) {
        EXPECT_TRUE(given.insert(names.path(name, id, Codec::raw)).second);
      }
    }
  }
  return names.tries();
}

TEST(ExtractNames, TakeWorkInProportionToTheRecordsOfOneName) {
  const std::uint64_t once = tries_of(1000);
  EXPECT_GE(once, 8000U);
  EXPECT_LT(tries_of(2000), 3 * once);
}

TEST(ExtractNames, NumberWhatOccursAgain) {
  ExtractNames names;
  EXPECT_EQ(names.path("c/a.png", "c", Codec::raw), "c/a.png");
  EXPECT_EQ(names.path("a.png", "c", Codec::raw), "c/a~2.png");
  EXPECT_EQ(names.path("a", "c", Codec::raw), "c/a~3.png");
  EXPECT_EQ(names.path("a~4.png", "c", Codec::raw), "c/a~4.png");
  EXPECT_EQ(names.path("a.png", "c", Codec::raw), "c/a~5.png");
  EXPECT_EQ(names.path("a.png", "", Codec::raw), "a.png");
  EXPECT_EQ(names.path("a.png", "", Codec::jpeg), "a.png.jpg");
}

TEST(Extract, RemovesWhatItMadeIfItFails) {
  const test::TemporaryFolder folder;
  Console console("extract_test", Console::Verbosity::quiet);
  DatasetInfo info = test::small_info(2, 2, 1, 2);
  std::vector<ShardRecord> records(10, {0, "x", {1, 2, 3, 4}});
  test::write_shard(folder / "x", info, records);
  Rejects rejects({}, console);
  EXPECT_THROW(static_cast<void>(extract_shards({folder / "x", folder / "missing"}, folder / "out/deep", 2,
                                                {}, rejects, console)),
               Error);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  std::filesystem::create_directory(folder / "there");
  EXPECT_THROW(static_cast<void>(extract_shards({folder / "x", folder / "missing"}, folder / "there", 1, {},
                                                rejects, console)),
               Error);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "there"));
}

}  // namespace
}  // namespace convoy
