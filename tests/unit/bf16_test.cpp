// Rounding to bfloat16.
#include "lib/base/bf16.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace convoy {
namespace {

TEST(Bf16Rounding, IsToNearestWithTiesToEven) {
  EXPECT_EQ(from_float<Bf16>(1.0F).bits, 0x3F80);
  EXPECT_EQ(from_float<Bf16>(1.0F + 0x1p-8F).bits, 0x3F80);             // a tie, down to even
  EXPECT_EQ(from_float<Bf16>(1.0F + 0x1p-8F + 0x1p-20F).bits, 0x3F81);  // above the tie
  EXPECT_EQ(from_float<Bf16>(1.0F + 3 * 0x1p-8F).bits, 0x3F82);         // a tie, up to even
  EXPECT_EQ(from_float<Bf16>(-0.0F).bits, 0x8000);
  EXPECT_EQ(from_float<Bf16>(std::numeric_limits<float>::max()).bits, 0x7F80);  // rounds to infinity
  EXPECT_EQ(from_float<Bf16>(std::numeric_limits<float>::infinity()).bits, 0x7F80);
  EXPECT_TRUE(std::isnan(to_float(from_float<Bf16>(std::nanf("")))));
  // The NaN whose upper half alone would be an infinity.
  EXPECT_TRUE(std::isnan(to_float(from_float<Bf16>(std::bit_cast<float>(0x7F800001U)))));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Bf16 value{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(value))) {
      EXPECT_EQ(from_float<Bf16>(to_float(value)).bits, bits);
    }
  }
}

// Against arithmetic in double.
TEST(Bf16Rounding, GivesTheNearestNumber) {
  const auto nearest = [](float value) { return to_float(from_float<Bf16>(value)); };
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 200000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()) & 0x7F7FFFFFU);  // normal
    if (value < std::numeric_limits<float>::min() || value > 1e38F) continue;
    int exponent = 0;
    std::frexp(value, &exponent);
    const double unit = std::ldexp(1.0, exponent - 8);
    ASSERT_EQ(nearest(value), std::nearbyint(value / unit) * unit) << value;
    ASSERT_EQ(nearest(-value), -std::nearbyint(value / unit) * unit) << value;
  }
}

}  // namespace
}  // namespace convoy
