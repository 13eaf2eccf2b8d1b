// lib/base/text, lib/base/count: printf into a string, UTF-8, counted nouns.
#include <gtest/gtest.h>

#include <string>

#include "lib/base/count.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

TEST(Format, WritesWhatPrintfWrites) {
  EXPECT_EQ(format("%d%% of %s", 5, "it"), "5% of it");
  EXPECT_EQ(format("%.3f", 1e200).size(), 204U);
  EXPECT_EQ(format("%s", std::string(5000, 'x').c_str()), std::string(5000, 'x'));
  EXPECT_EQ(format("%s", ""), "");
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* good : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
                           "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xC3\xBC z"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  // Stray and missing continuations, overlong forms, surrogates, beyond U+10FFFF, and bytes of no character.
  for (const char* bad : {"\x80", "\xC3", "\xC3z", "\xC3\xBC\xBC", "\xE2\x82", "\xF0\x9F\x98", "\xC0\x80",
                          "\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x28\xA1", "\xE2\x82\x28"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(Shortened, KeepsBothEndsAndWholeCharacters) {
  EXPECT_EQ(shortened("abcdefghij", 10), "abcdefghij");
  EXPECT_EQ(shortened("abcdefghijk", 10), "abcdef...k");
  EXPECT_EQ(shortened(std::string(2000, 'a') + std::string(2000, 'b'), 80),
            std::string(58, 'a') + "..." + std::string(19, 'b'));
  std::string umlauts;
  for (int i = 0; i < 50; ++i) umlauts += "\xC3\xBC";
  for (std::size_t longest = 0; longest <= 100; ++longest) {
    const std::string cut = shortened(umlauts, longest);
    EXPECT_TRUE(is_utf8(cut)) << longest;
    EXPECT_LE(cut.size(), std::max<std::size_t>(longest, 3)) << longest;
  }
  EXPECT_EQ(shortened(std::string(100, '\x80'), 11).size(), 11U - 3 - 2);
}

TEST(CountOf, GivesOneThingTheSingular) {
  EXPECT_EQ(count_of(0, "record"), "0 records");
  EXPECT_EQ(count_of(1, "record"), "1 record");
  EXPECT_EQ(count_of(18446744073709551615U, "record"), "18446744073709551615 records");
  EXPECT_EQ(count_of(1, "class"), "1 class");
  EXPECT_EQ(count_of(2, "class"), "2 classes");
}

}  // namespace
}  // namespace convoy
