// lib/base/part: what belongs to which part.
#include "lib/base/part.h"

#include <gtest/gtest.h>

#include <limits>

#include "lib/base/error.h"

namespace convoy {
namespace {

TEST(Part, PartsFollowOneAnotherAndDifferByOneAtMost) {
  for (const std::uint64_t whole :
       {0UL, 1UL, 2UL, 7UL, 12UL, 1000UL, 1281167UL, std::numeric_limits<std::uint64_t>::max()}) {
    for (const std::uint64_t count : {1UL, 2UL, 3UL, 7UL, 8UL, 1000UL}) {
      std::uint64_t at = 0;
      std::uint64_t last = std::numeric_limits<std::uint64_t>::max();
      for (std::uint64_t number = 1; number <= count; ++number) {
        const auto range = Part{.number = number, .count = count}.of(whole);
        EXPECT_EQ(range.begin, at);
        EXPECT_TRUE(range.size() == whole / count || range.size() == whole / count + 1);
        EXPECT_LE(range.size(), last) << "the first ones have one more";
        last = range.size();
        at = range.end;
      }
      EXPECT_EQ(at, whole);
    }
  }
}

TEST(Part, IsReadStrictly) {
  EXPECT_EQ(parse_part("3/8").number, 3U);
  EXPECT_EQ(parse_part("3/8").count, 8U);
  EXPECT_TRUE(parse_part("8/8").is_last());
  EXPECT_FALSE(parse_part("7/8").is_last());
  EXPECT_EQ(parse_part("1000000/1000000").number, 1000000U);
  for (const char* text : {"", "/", "1", "1/", "/1", "0/1", "2/1", "-1/2", "+1/2", "1/2/3", "1 /2", "1/ 2",
                           "a/2", "0x1/2", "1/0", "1/1000001", "1/99999999999999999999", "1,2"}) {
    EXPECT_THROW(static_cast<void>(parse_part(text)), UsageError) << text;
  }
}

}  // namespace
}  // namespace convoy
