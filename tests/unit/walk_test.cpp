// lib/prep/walk: folders whose links multiply what is in them.
#include "lib/prep/walk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

std::size_t failures(const std::vector<FolderEntry>& entries, std::string_view reason) {
  return static_cast<std::size_t>(std::ranges::count_if(
      entries, [&](const FolderEntry& entry) { return entry.failure.find(reason) != std::string::npos; }));
}

class Walk : public ::testing::Test {
 protected:
  void file(const std::string& path) {
    fs::create_directories((top() / path).parent_path());
    std::ofstream(top() / path) << "x";
  }
  void link(const std::string& target, const std::string& path) {
    fs::create_directories((top() / path).parent_path());
    fs::create_directory_symlink(target, top() / path);
  }
  [[nodiscard]] fs::path top() const { return folder_ / "top"; }
  [[nodiscard]] std::vector<FolderEntry> list() const { return list_folder(top().string()); }
  test::TemporaryFolder folder_;
};

TEST_F(Walk, AFolderBehindLinksHasItsFilesUnderEachName) {
  file("real/1");
  file("real/deeper/2");
  link("real", "a");
  link("a/deeper", "b");
  const auto entries = list();
  ASSERT_EQ(entries.size(), 5U);
  EXPECT_EQ(entries[0].path, "a/1");
  EXPECT_EQ(entries[1].path, "a/deeper/2");
  EXPECT_EQ(entries[2].path, "b/2");
  EXPECT_EQ(entries[3].path, "real/1");
  EXPECT_EQ(entries[4].path, "real/deeper/2");
}

TEST_F(Walk, LoopsEnd) {
  file("a/1");
  link("..", "a/up");
  link("../a", "b/a");
  const auto entries = list();
  // a/up is the top, b/a/up leads there from b.
  EXPECT_EQ(failures(entries, kLeadsBack), 2U);
  EXPECT_EQ(entries.size(), 4U);
}

// Each link is listed as what it leads to, so few names stand for many files: not for more than a limit.
TEST_F(Walk, LinksThatMultiplyEnd) {
  for (int i = 0; i < 18; ++i) {
    link("../l" + std::to_string(i + 1), "l" + std::to_string(i) + "/a");
    link("../l" + std::to_string(i + 1), "l" + std::to_string(i) + "/b");
  }
  for (int i = 0; i < 8; ++i) file("l18/" + std::to_string(i));
  file("l0/z");
  file("z");
  const auto entries = list();
  // What lies behind no link is there, whatever the links lead to.
  EXPECT_EQ(entries.back().path, "z");
  EXPECT_TRUE(std::ranges::any_of(entries, [](const FolderEntry& entry) { return entry.path == "l0/z"; }));
  EXPECT_EQ(failures(entries, "links lead to more than"), 1U);
  EXPECT_LT(entries.size(), 202'000U);
}

// Links to many files are no attack: each name is there once.
TEST_F(Walk, LinksToManyFilesAreFollowed) {
  for (int i = 0; i < 2000; ++i) file("real/" + std::to_string(i));
  for (int i = 0; i < 100; ++i) link("../real", "links/" + std::to_string(i));
  const auto entries = list();
  EXPECT_TRUE(std::ranges::all_of(entries, [](const FolderEntry& entry) { return entry.failure.empty(); }));
  EXPECT_EQ(entries.size(), 202'000U);
}

}  // namespace
}  // namespace convoy
