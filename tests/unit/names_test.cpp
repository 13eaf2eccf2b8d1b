// lib/prep/names: what paths mean. Folders and archives are tested with image_source.
#include "lib/prep/names.h"

#include <gtest/gtest.h>

namespace convoy {
namespace {

TEST(Paths, HaveAFirstFolderAndALastComponent) {
  EXPECT_EQ(first_folder("cat/black/1.jpg"), "cat");
  EXPECT_EQ(first_folder("1.jpg"), "");
  EXPECT_EQ(folders_of("cat/black/1.jpg"), "cat/black/");
  EXPECT_EQ(folders_of("1.jpg"), "");
  EXPECT_EQ(last_component("cat/black/1.jpg"), "1.jpg");
  EXPECT_EQ(last_component("1.jpg"), "1.jpg");
  EXPECT_EQ(last_component("cat/"), "");
}

TEST(Paths, AreReadAsTarUnpacksThem) {
  for (const char* path : {"cat/1.jpg", "./cat/1.jpg", "/cat/1.jpg", "//cat//1.jpg", "cat/./1.jpg",
                           "cat/black/../1.jpg", "../cat/1.jpg", ".//./cat/1.jpg", "../../x/../cat/1.jpg"}) {
    EXPECT_EQ(clean_path(path), "cat/1.jpg") << path;
  }
  EXPECT_EQ(clean_path("./"), "");
  EXPECT_EQ(clean_path(".."), "");
  EXPECT_EQ(clean_path("..."), "...");
}

TEST(Paths, AreHiddenByADotBeforeAnyComponent) {
  EXPECT_TRUE(is_hidden(".a"));
  EXPECT_TRUE(is_hidden("cat/.git/1.jpg"));
  EXPECT_TRUE(is_hidden("__MACOSX/cat/._1.jpg"));
  EXPECT_FALSE(is_hidden("cat/a.b/1.jpg"));
}

TEST(Paths, SayWhetherTheyNameImages) {
  for (const char* name : {"1.jpg", "a/1.JPEG", "1.Png", "1.webp", "x.tiff", "x.heic", "a.b.gif"}) {
    EXPECT_TRUE(has_image_suffix(name)) << name;
  }
  for (const char* name : {"jpg", "1.jpg.txt", "x.jpg:Zone.Identifier", "Thumbs.db", "a.jpg/README", ""}) {
    EXPECT_FALSE(has_image_suffix(name)) << name;
  }
}

TEST(Paths, SayWhetherTheyNameArchives) {
  for (const char* name : {"a/1.tar", "1.tar.gz", "1.tar.zst", "x.tgz", "x.tbz2"}) {
    EXPECT_TRUE(has_archive_suffix(name)) << name;
  }
  for (const char* name : {"a.gz", "a.tar/1", "tar", "x.tar.md5", "1.zip"}) {
    EXPECT_FALSE(has_archive_suffix(name)) << name;
  }
}

TEST(Paths, OfArchivesLoseTheirExtensions) {
  EXPECT_EQ(without_archive_extension("train/n01.tar.gz"), "train/n01");
  EXPECT_EQ(without_archive_extension("n01.tar"), "n01");
  EXPECT_EQ(without_archive_extension(".tar"), ".tar");
  EXPECT_EQ(without_archive_extension("a.b"), "a.b");
}

TEST(NameRules, SelectByComponentOrByRunsOfThem) {
  const auto excludes = [](const std::string& pattern, std::string_view path) {
    return !is_selected(path, {.exclude = {pattern}});
  };
  EXPECT_TRUE(excludes("*.txt", "cat/a.txt"));
  EXPECT_FALSE(excludes("*.txt", "cat/a.txt.png"));
  EXPECT_TRUE(excludes("cat", "photos/cat/1.png"));
  EXPECT_FALSE(excludes("cat", "photos/cats/1.png"));
  EXPECT_TRUE(excludes("cat/*.png", "photos/cat/1.png"));
  EXPECT_TRUE(excludes("cat/", "photos/cat/1.png"));
  EXPECT_FALSE(excludes("1.png/", "photos/cat/1.png"));
  EXPECT_FALSE(excludes("/cat/*", "photos/cat/1.png"));
  EXPECT_TRUE(excludes("/photos/cat", "photos/cat/1.png"));
  EXPECT_TRUE(excludes("[0-9].png", "cat/1.png"));
  // The path of no inner archive.
  for (const char* pattern : {"/cat/", "cat/", "/cat", "cat", "/", "//"}) EXPECT_FALSE(excludes(pattern, ""));
  EXPECT_TRUE(is_selected("cat/1.png", {.include = {"dog", "*.png"}}));
  EXPECT_FALSE(is_selected("cat/1.jpg", {.include = {"dog", "*.png"}}));
  EXPECT_FALSE(is_selected("cat/1.png", {.include = {"cat"}, .exclude = {"1.*"}}));
}

// The folder that is found, and the class of a path in it.
std::string root_of(const std::vector<std::string>& folders, const std::vector<std::string>& images) {
  ClassRoot root;
  for (const std::string& folder : folders) root.add_folder(folder);
  for (const std::string& path : images) root.add_images(folders_of(path));
  root.decide();
  std::string text = root.folder() + (root.in_parts() ? "*/" : "") + ":";
  for (const std::string& path : images) text += " " + std::string(root.class_of(path));
  return text;
}

TEST(ClassRoot, IsTheFolderThatWasPacked) {
  EXPECT_EQ(root_of({"photos", "photos/cat"}, {"photos/cat/1"}), "photos/: cat");
  EXPECT_EQ(root_of({"one", "one/cat", "one/cat/a", "one/cat/b"}, {"one/cat/a/1", "one/cat/b/2"}),
            "one/: cat cat");
  EXPECT_EQ(root_of({"photos/cat"}, {"photos/cat/1", "photos/cat/2"}), "photos/: cat cat");
  EXPECT_EQ(root_of({"", "cat"}, {"cat/1"}), ": cat");
  EXPECT_EQ(root_of({"home/u/photos", "home/u/photos/cat"}, {"home/u/photos/cat/1"}), "home/u/photos/: cat");
  EXPECT_EQ(root_of({"photos"}, {"photos/1"}), "photos/: ");
}

TEST(ClassRoot, IsWhatAllImagesShareIfNoFolderWasPacked) {
  EXPECT_EQ(root_of({}, {"train/cat/1", "train/dog/2"}), "train/: cat dog");
  EXPECT_EQ(root_of({}, {"train/cat/1", "train/cats/2"}), "train/: cat cats");
  EXPECT_EQ(root_of({}, {"photos/cat/1", "photos/cat/2"}), "photos/: cat cat");
  EXPECT_EQ(root_of({"cat", "dog"}, {"cat/1", "dog/2"}), ": cat dog");
  EXPECT_EQ(root_of({}, {"1", "dog/2"}), ":  dog");
  EXPECT_EQ(root_of({}, {"a/b/c/1", "a/2"}), "a/: b ");
  EXPECT_EQ(root_of({}, {"val/1", "val/2"}), "val/:  ");
  EXPECT_EQ(root_of({}, {}), ":");
}

TEST(ClassRoot, IsEachPartOfASetInParts) {
  EXPECT_EQ(root_of({"part1", "part2"}, {"part1/cat/1", "part1/dog/1", "part2/cat/2", "part2/emu/1"}),
            "*/: cat dog cat emu");
  EXPECT_EQ(root_of({}, {"cat/siamese/1", "dog/poodle/2"}), ": cat dog");
  EXPECT_EQ(root_of({}, {"a/cat/1", "b/cat/2", "b/3"}), ": a b b");
  // Packed as a whole, they are the classes.
  EXPECT_EQ(root_of({"data"}, {"data/a/cat/1", "data/b/cat/2"}), "data/: a b");
}

TEST(ClassRoot, MayBeGiven) {
  ClassRoot root;
  root.add_images("data/train/cat/");
  root.decide("/data//train");
  EXPECT_EQ(root.folder(), "data/train/");
  EXPECT_EQ(root.class_of("data/train/cat/1"), "cat");
  EXPECT_EQ(root.class_of("data/val/cat/1"), "");
}

TEST(ClassRoot, HidesOnlyWhatIsBelowThePackedFolder) {
  ClassRoot root;
  root.add_folder("home/.cache/photos");
  EXPECT_FALSE(root.hides("home/.cache/photos/cat/1.jpg"));
  EXPECT_TRUE(root.hides("home/.cache/photos/cat/.git/1.jpg"));
  EXPECT_TRUE(root.hides(".git/1.jpg"));
}

}  // namespace
}  // namespace convoy
