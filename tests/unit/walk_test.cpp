// lib/prep/walk: parts of paths. Folders and archives are tested with image_source.
#include "lib/prep/walk.h"

#include <gtest/gtest.h>

namespace convoy {
namespace {

TEST(Paths, HaveAFirstFolderAndALastComponent) {
  EXPECT_EQ(first_folder("cat/black/1.jpg"), "cat");
  EXPECT_EQ(first_folder("1.jpg"), "");
  EXPECT_EQ(last_component("cat/black/1.jpg"), "1.jpg");
  EXPECT_EQ(last_component("1.jpg"), "1.jpg");
  EXPECT_EQ(last_component("cat/"), "");
}

TEST(CommonFolder, IsWhatAllShare) {
  const auto common = [](const std::vector<std::string>& paths) {
    CommonFolder folder;
    for (const auto& path : paths) folder.add(path);
    return folder.get();
  };
  EXPECT_EQ(common({"train/cat/1", "train/dog/2"}), "train/");
  EXPECT_EQ(common({"train/cat/1", "train/cat/2"}), "train/cat/");
  EXPECT_EQ(common({"train/cat/1", "train/cats/2"}), "train/");
  EXPECT_EQ(common({"cat/1", "dog/2"}), "");
  EXPECT_EQ(common({"1", "dog/2"}), "");
  EXPECT_EQ(common({"a/b/c/1", "a/2"}), "a/");
  EXPECT_EQ(common({}), "");
}

}  // namespace
}  // namespace convoy
