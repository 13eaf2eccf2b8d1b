// lib/base/options: numbers are read strictly.
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

TEST(ParseBytes, TakesSuffixes) {
  EXPECT_EQ(parse_bytes("0", "x"), 0U);
  EXPECT_EQ(parse_bytes("1000", "x"), 1000U);
  EXPECT_EQ(parse_bytes("3K", "x"), 3072U);
  EXPECT_EQ(parse_bytes("16777215T", "x"), std::uint64_t{16777215} << 40);
  for (const char* bad : {"", "K", "-1", "1KB", "1k", "1.5G", "16777216T", " 1", "99999999999999999999"}) {
    EXPECT_THROW(static_cast<void>(parse_bytes(bad, "x")), UsageError) << bad;
  }
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      static_cast<void>(parse_bytes(text, "x"));
    } catch (const UsageError& error) {
      return error.what();
    }
    return {};
  };
  for (const std::string& large : std::vector<std::string>{"99999999999G", "16777216T",
                                                           "99999999999999999999", "99999999999999999999K"}) {
    EXPECT_EQ(error_of(large), "x: '" + large + "' is too large: at most 2^64-1 bytes");
  }
  EXPECT_EQ(error_of("99999999999999999999x"),
            "x: '99999999999999999999x' is not a number of bytes such as 500000, 512M or 8G");
}

}  // namespace
}  // namespace convoy
