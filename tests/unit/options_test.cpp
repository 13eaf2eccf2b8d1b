// lib/base/options: numbers are read strictly.
#include <gtest/gtest.h>

#include "lib/base/error.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

TEST(Numbers, AreParsedWhole) {
  EXPECT_EQ(parse_integer("-3", "x", -5, 5), -3);
  for (const char* bad : {"", "3x", " 3", "3 ", "6", "0x3", "99999999999999999999", "3.0"}) {
    EXPECT_THROW((void)parse_integer(bad, "x", -5, 5), UsageError) << bad;
  }
  EXPECT_DOUBLE_EQ(parse_real("1e-4", "x", 0, 1), 1e-4);
  for (const char* bad : {"", "nan", "inf", "1e-4x", "2", "-1"}) {
    EXPECT_THROW((void)parse_real(bad, "x", 0, 1), UsageError) << bad;
  }
}

}  // namespace
}  // namespace convoy
