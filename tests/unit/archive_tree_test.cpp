// lib/prep/archive_tree: links in archives lead where they would lead in the file system.
#include "lib/prep/archive_tree.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "lib/base/error.h"
#include "lib/prep/walk.h"
#include "tests/support/sanitized.h"

namespace convoy {
namespace {

using Type = ArchiveEntry::Type;

// "path ordinal", or "path! reason", for each file that the link at `path` stands for.
class Tree {
 public:
  explicit Tree(const std::vector<ArchiveEntry>& entries) {
    for (const ArchiveEntry& entry : entries) tree_.add(entry, count_++);
  }
  [[nodiscard]] std::vector<std::string> follow(const std::string& path) const {
    std::uint64_t steps = 0;
    std::vector<std::string> found;
    for (const auto& linked : tree_.follow(path, steps)) {
      found.push_back(linked.path + (linked.failure.empty() ? " " + std::to_string(linked.ordinal)
                                                            : "! " + linked.failure));
    }
    return found;
  }
  [[nodiscard]] std::string one(const std::string& path) const {
    const auto all = follow(path);
    return all.size() == 1 ? all[0] : std::to_string(all.size()) + " files";
  }

 private:
  ArchiveTree tree_;
  std::uint64_t count_ = 0;
};

ArchiveEntry file(const std::string& path) { return {path, Type::file, {}}; }
ArchiveEntry hard(const std::string& path, const std::string& target) {
  return {path, Type::hard_link, target};
}
ArchiveEntry soft(const std::string& path, const std::string& target) {
  return {path, Type::symbolic_link, target};
}

TEST(ArchiveTree, HardLinksCountFromTheTop) {
  const Tree tree({file("./a/1"), hard("./b/2", "./a/1"), hard("c", "b/2"), hard("early", "z"), file("z"),
                   hard("gone", "nothing"), hard("self", "self"), soft("d/s", "../a/1"), hard("e/h", "d/s")});
  EXPECT_EQ(tree.one("b/2"), "b/2 0");
  EXPECT_EQ(tree.one("c"), "c 0");
  EXPECT_EQ(tree.one("early"), "early 4");
  EXPECT_NE(tree.one("gone").find("gone! a link to 'nothing', which is not in the archive"),
            std::string::npos);
  EXPECT_EQ(tree.one("self"), "self! a link that leads to itself, or through too many links");
  EXPECT_EQ(tree.one("e/h"), "e/h 0");
}

TEST(ArchiveTree, AHardLinkKeepsItsTargetIfALaterEntryHasItsName) {
  const Tree tree({file("a"), hard("b", "a"), file("a"), hard("c", "b"), hard("d", "a"), soft("e", "a")});
  EXPECT_EQ(tree.one("b"), "b 0");
  EXPECT_EQ(tree.one("c"), "c 0");
  EXPECT_EQ(tree.one("d"), "d 2");
  EXPECT_EQ(tree.one("e"), "e 2");
}

TEST(ArchiveTree, SymbolicLinksCountFromTheirFolder) {
  const Tree tree({file("a/1"),
                   soft("b/s", "../a/1"),
                   soft("b/t", "s"),
                   soft("dir", "a"),
                   soft("u", "dir/1"),
                   soft("loop1", "loop2"),
                   soft("loop2", "loop1"),
                   soft("out", "../x"),
                   soft("abs", "/a/1"),
                   soft("dot", "./b/../a//1"),
                   {"fifo", Type::other, {}},
                   soft("f", "fifo")});
  EXPECT_EQ(tree.one("b/s"), "b/s 0");
  EXPECT_EQ(tree.one("b/t"), "b/t 0");
  EXPECT_EQ(tree.one("u"), "u 0");
  EXPECT_EQ(tree.one("dot"), "dot 0");
  EXPECT_EQ(tree.one("loop1"), "loop1! a link that leads to itself, or through too many links");
  EXPECT_NE(tree.one("out").find("a link to a place outside the archive"), std::string::npos);
  EXPECT_NE(tree.one("abs").find("a link to '/a/1', which is outside the archive"), std::string::npos);
  EXPECT_EQ(tree.one("f"), "f! not a regular file");
  EXPECT_EQ(tree.one("dir"), "dir/1 0");
}

TEST(ArchiveTree, LinksLongerThanAnyPathAreNotFollowed) {
  std::string longer;
  while (longer.size() <= 1'000'000) longer += "a/";
  const Tree tree({soft("x", longer), soft(longer + "b", "x"), hard("y", longer)});
  const std::string reason = "! a link with a path or a target of more than 4096 bytes";
  EXPECT_EQ(tree.one("x"), "x" + reason);
  EXPECT_EQ(tree.one(longer + "b"), longer + "b" + reason);
  EXPECT_EQ(tree.one("y"), "y" + reason);
}

TEST(ArchiveTree, AbsoluteLinksStayInAnArchiveOfAbsoluteNames) {
  const Tree tree({file("/home/a/1"), soft("/home/b", "/home/a/1")});
  EXPECT_EQ(tree.one("home/b"), "home/b 0");
}

TEST(ArchiveTree, FoldersAreListedInOrderWithoutHiddenNames) {
  const Tree tree({file("a/b-c"), file("a/b/1"), file("a/.x"), file("a/.git/1"), file("a/b/2"), file("a/a"),
                   soft("a/up", "../a"), soft("l", "a"), file("ab"), file("a0")});
  EXPECT_EQ(tree.follow("l"), (std::vector<std::string>{"l/a 5", "l/b/1 1", "l/b/2 4", "l/b-c 0",
                                                        "l/up! leads back to a folder that it lies in"}));
}

TEST(ArchiveTree, LinksThatStandForEverMoreFilesEnd) {
  std::vector<ArchiveEntry> entries{file("d0/1")};
  for (int depth = 1; depth < 20; ++depth) {
    for (int i = 0; i < 10; ++i) {
      entries.push_back(
          soft("d" + std::to_string(depth) + "/" + std::to_string(i), "../d" + std::to_string(depth - 1)));
    }
  }
  entries.push_back(soft("top", "d19"));
  const Tree tree(entries);
  EXPECT_THROW(static_cast<void>(tree.follow("top")), Error);
}

// Each component on the way is a look at the names, so long targets count as many steps.
TEST(ArchiveTree, LongTargetsCountForWhatTheyCost) {
  ArchiveTree tree;
  std::string detour = "f";
  while (detour.size() + 5 < kMaxLinkPath) detour = "d/../" + detour;
  std::uint64_t count = 0;
  tree.add(file("d/x"), count++);
  tree.add(file("f"), count++);
  for (int i = 0; i < 20; ++i) {
    std::string target = detour;
    target.replace(target.size() - 1, 1, i == 0 ? "f" : "link" + std::to_string(i - 1));
    tree.add(soft("link" + std::to_string(i), target), count++);
  }
  for (int i = 0; i < 5000; ++i) tree.add(soft("many" + std::to_string(i), "link19"), count++);
  std::uint64_t steps = 0;
  EXPECT_EQ(tree.follow("many0", steps).at(0).ordinal, 1U);
  EXPECT_GT(steps, 20 * 1600 / kComponentsPerStep);
  steps = kLinkedFilesAlways;  // of other links
  EXPECT_THROW(
      for (int i = 0; i < 5000; ++i) static_cast<void>(tree.follow("many" + std::to_string(i), steps)),
      Error);
}

// Entries of a few bytes that share a target of a million take no memory for it.
TEST(ArchiveTree, LongNamesAndTargetsAreNotKept) {
  ArchiveTree tree;
  const std::string endless(1 << 20, 't');
  std::uint64_t count = 0;
  tree.add(soft("s", endless), count++);
  struct rusage before {};
  struct rusage after {};
  ::getrusage(RUSAGE_SELF, &before);
  for (int i = 0; i < 100; ++i) {
    tree.add(hard("h" + std::to_string(i), "s"), count++);
    tree.add(file(endless + std::to_string(i)), count++);
  }
  ::getrusage(RUSAGE_SELF, &after);
  // In KiB. AddressSanitizer keeps what is freed.
  if (!test::kSanitized) {
    EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10);
  }
  std::uint64_t steps = 0;
  EXPECT_NE(tree.follow("h7", steps).at(0).failure.find("more than 4096 bytes"), std::string::npos);
}

}  // namespace
}  // namespace convoy
