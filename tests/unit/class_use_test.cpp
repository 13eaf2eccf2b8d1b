// lib/prep/class_use: which classes have no images.
#include "lib/prep/class_use.h"

#include <gtest/gtest.h>

#include "formats/list.h"

namespace convoy {
namespace {

std::string note(std::size_t classes, const std::vector<std::int32_t>& labels, bool numbered) {
  ClassUse use(classes);
  for (const std::int32_t label : labels) use.add(label);
  return use.note(numbered_classes(static_cast<int>(classes)), numbered);
}

TEST(ClassUse, NamesClassesWithoutImages) {
  EXPECT_EQ(note(3, {0, 1, 2, 2}, false), "");
  EXPECT_EQ(note(3, {0, 2, kNoLabel}, false), "1 class of 3 has no images: 1");
  EXPECT_EQ(note(4, {0, 2}, false), "2 classes of 4 have no images: 1, 3");
  EXPECT_EQ(note(8, {7}, false), "7 classes of 8 have no images: 0, 1, 2, 3, 4 and 2 more");
}

TEST(ClassUse, SaysNothingOfImagesWithoutClass) {
  EXPECT_EQ(note(0, {kNoLabel}, true), "");
  EXPECT_EQ(note(3, {kNoLabel}, true), "");
}

TEST(ClassUse, SaysThatNumbersSeemToBeginAtOne) {
  const std::string from_one = " (labels count from 0; these seem to begin at 1)";
  EXPECT_EQ(note(3, {1, 2}, true), "1 class of 3 has no images: 0" + from_one);
  EXPECT_EQ(note(3, {1}, true), "2 classes of 3 have no images: 0, 2" + from_one);
  EXPECT_EQ(note(3, {1, 2}, false), "1 class of 3 has no images: 0");
  EXPECT_EQ(note(3, {2}, true), "2 classes of 3 have no images: 0, 1");
}

}  // namespace
}  // namespace convoy
