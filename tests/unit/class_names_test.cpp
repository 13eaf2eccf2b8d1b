// formats/class_names: IDs that look alike.
#include "formats/class_names.h"

#include <gtest/gtest.h>

#include "formats/list.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using Pair = std::pair<std::size_t, std::size_t>;

TEST(ClassNames, AreComparedAsTheyLook) {
  EXPECT_EQ(comparable_id("cafe\xcc\x81"), "caf\xc3\xa9");
  EXPECT_EQ(comparable_id("caf\xc3\xa9"), "caf\xc3\xa9");
  // Hangul of three letters, and marks in another order.
  EXPECT_EQ(comparable_id("\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab"), "\xed\x95\x9c");
  EXPECT_EQ(comparable_id("a\xcc\x88\xcc\xa3"), comparable_id("a\xcc\xa3\xcc\x88"));
  // Blanks at the ends: no-break, ideographic, thin, plain.
  for (const char* blank : {"\xc2\xa0", "\xe3\x80\x80", "\xe2\x80\x89", " "}) {
    EXPECT_EQ(comparable_id(std::string(blank) + "dog" + blank + blank), "dog");
  }
  EXPECT_EQ(comparable_id("sea\xc2\xa0lion"), "sea lion");
  // Characters without width: space, joiner, byte order mark, soft hyphen.
  for (const char* nothing : {"\xe2\x80\x8b", "\xe2\x80\x8d", "\xef\xbb\xbf", "\xc2\xad"}) {
    EXPECT_EQ(comparable_id(std::string("do") + nothing + "g" + nothing), "dog");
  }
  // Other letters stay others, and so does what is no UTF-8 or longer than any name.
  EXPECT_NE(comparable_id("caf\xc3\xa9"), comparable_id("cafe"));
  EXPECT_NE(comparable_id("\xef\xac\x81n"), comparable_id("fin"));
  EXPECT_NE(comparable_id("Dog"), comparable_id("dog"));
  EXPECT_EQ(comparable_id("\xff "), "\xff ");
  EXPECT_EQ(comparable_id(std::string(kMaxComparedId, 'a') + " "), std::string(kMaxComparedId, 'a') + " ");
  EXPECT_EQ(comparable_id("  "), "");
  EXPECT_EQ(comparable_id(""), "");
}

TEST(ClassNames, FindTheTwoThatLookAlike) {
  EXPECT_EQ(alike_classes({}), std::nullopt);
  EXPECT_EQ(alike_classes({{"caf\xc3\xa9", ""}, {"cafe", ""}, {"sea lion", ""}, {"sealion", ""}}),
            std::nullopt);
  EXPECT_EQ(alike_classes({{"caf\xc3\xa9", ""}, {"dog", ""}, {"cafe\xcc\x81", ""}}), Pair(0, 2));
  EXPECT_EQ(alike_classes({{"cafe\xcc\x81", ""}, {"dog", ""}, {"caf\xc3\xa9", ""}}), Pair(0, 2));
  EXPECT_EQ(alike_classes({{"a", ""},
                           {"dog\xc2\xa0", ""},
                           {"\xe3\x80\x80"
                            "dog",
                            ""}}),
            Pair(1, 2));
  EXPECT_EQ(alike_classes({{"cat", ""}, {"cat ", ""}}), Pair(0, 1));
}

TEST(ClassNames, ThatLookAlikeAreInNoShard) {
  DatasetInfo info;
  info.width = info.height = info.channels = 1;
  info.classes = {{"caf\xc3\xa9", ""}, {"cafe", ""}};
  EXPECT_NO_THROW(check_dataset_info(info, "x"));
  info.classes = {{"caf\xc3\xa9", ""}, {"cafe\xcc\x81", ""}};
  const std::string complaint = test::error_of([&] { check_dataset_info(info, "x"); });
  EXPECT_EQ(complaint.find("x: classes 'caf\xc3\xa9' and 'cafe\xcc\x81' look alike (in bytes, "), 0U);
}

TEST(ClassNames, TheLargestTableTakesNoLongTime) {
  std::vector<ClassInfo> classes = numbered_classes(kMaxClasses);
  for (ClassInfo& one : classes) one.id += "e\xcc\x81";
  EXPECT_EQ(alike_classes(classes), std::nullopt);
  classes.back().id = "7\xc3\xa9";
  EXPECT_EQ(alike_classes(classes), Pair(7, kMaxClasses - 1));
}

}  // namespace
}  // namespace convoy
