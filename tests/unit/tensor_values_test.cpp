// The values of tensors as numbers, and binary16 against arithmetic in double.
#include "formats/tensor_values.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "lib/base/error.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The value of a binary16 by its definition in IEEE 754.
double half_by_definition(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 0x1F;
  const int fraction = bits & 0x3FF;
  double value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  if (exponent == 0x1F) value = fraction == 0 ? kInfinity : std::nan("");
  return (bits & 0x8000) != 0 ? -value : value;
}

// The nearest value with 11 bits of significand and no exponent below that of 2^-24, ties to even.
double nearest_half(double value) {
  int exponent = 0;
  std::frexp(value, &exponent);
  const double unit = std::ldexp(1.0, std::max(exponent - 11, -24));
  const double rounded = std::nearbyint(value / unit) * unit;
  return std::abs(rounded) > 65504.0 ? std::copysign(kInfinity, value) : rounded;
}

TEST(TensorValues, EveryHalfIsWhatItsBitsSayAndComesBack) {
  for (std::uint32_t i = 0; i <= 0xFFFF; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const double expected = half_by_definition(bits);
    const float value = float_from_f16(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << i;
      EXPECT_TRUE(std::isnan(float_from_f16(f16_from_float(value)))) << i;
      continue;
    }
    ASSERT_EQ(value, expected) << i;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000) != 0) << i;
    ASSERT_EQ(f16_from_float(value), bits) << i;
  }
}

TEST(TensorValues, FloatsBecomeTheNearestHalf) {
  // Between each two neighbours: the middle, and its neighbours among the floats.
  for (std::uint32_t i = 0; i < 0x7C00; ++i) {
    const double low = half_by_definition(static_cast<std::uint16_t>(i));
    const double high = i == 0x7BFF ? 65536.0 : half_by_definition(static_cast<std::uint16_t>(i + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    for (const float value : {middle, std::nextafter(middle, 0.0F), std::nextafter(middle, 1e9F)}) {
      ASSERT_EQ(float_from_f16(f16_from_float(value)), nearest_half(value)) << value;
      ASSERT_EQ(float_from_f16(f16_from_float(-value)), -nearest_half(value)) << value;
    }
  }
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 200000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isnan(value)) continue;
    const double expected = std::isinf(value) ? value : nearest_half(value);
    ASSERT_EQ(float_from_f16(f16_from_float(value)), expected) << value;
  }
}

template <typename T>
std::vector<double> values_of(DType type, const std::vector<T>& stored) {
  const TensorView tensor{"t", type, {stored.size()}, std::as_bytes(std::span(stored))};
  std::vector<double> values(stored.size());
  copy_values(tensor, 0, values);
  return values;
}

TEST(TensorValues, EveryTypeIsRead) {
  using V = std::vector<double>;
  EXPECT_EQ(values_of<double>(DType::f64, {0.1, -1e300}), (V{0.1, -1e300}));
  EXPECT_EQ(values_of<float>(DType::f32, {0.1F, -2.0F}), (V{static_cast<double>(0.1F), -2.0}));
  EXPECT_EQ(values_of<std::uint16_t>(DType::f16, {0x3C00, 0x8001}), (V{1.0, -std::ldexp(1.0, -24)}));
  EXPECT_EQ(values_of<std::uint16_t>(DType::bf16, {0x3F80, 0xC000}), (V{1.0, -2.0}));
  EXPECT_EQ(values_of<std::int64_t>(DType::i64, {-5, 1LL << 40}), (V{-5.0, 1099511627776.0}));
  EXPECT_EQ(values_of<std::int32_t>(DType::i32, {-5, 7}), (V{-5.0, 7.0}));
  EXPECT_EQ(values_of<std::int16_t>(DType::i16, {-5, 7}), (V{-5.0, 7.0}));
  EXPECT_EQ(values_of<std::int8_t>(DType::i8, {-5, 7}), (V{-5.0, 7.0}));
  EXPECT_EQ(values_of<std::uint64_t>(DType::u64, {1ULL << 63}), (V{9223372036854775808.0}));
  EXPECT_EQ(values_of<std::uint32_t>(DType::u32, {4294967295U}), (V{4294967295.0}));
  EXPECT_EQ(values_of<std::uint16_t>(DType::u16, {65535}), (V{65535.0}));
  EXPECT_EQ(values_of<std::uint8_t>(DType::u8, {255}), (V{255.0}));
  EXPECT_EQ(values_of<std::uint8_t>(DType::boolean, {0, 1}), (V{0.0, 1.0}));
  // Largest, least, one and special values, as the OCP's specification of 8-bit formats lists them.
  EXPECT_EQ(values_of<std::uint8_t>(DType::f8_e4m3, {0x7E, 0x01, 0x38, 0x80}),
            (V{448.0, std::ldexp(1.0, -9), 1.0, 0.0}));
  EXPECT_TRUE(std::isnan(values_of<std::uint8_t>(DType::f8_e4m3, {0xFF})[0]));
  EXPECT_EQ(values_of<std::uint8_t>(DType::f8_e5m2, {0x7B, 0x01, 0xBC, 0x7C}),
            (V{57344.0, std::ldexp(1.0, -16), -1.0, kInfinity}));
  EXPECT_TRUE(std::isnan(values_of<std::uint8_t>(DType::f8_e5m2, {0x7D})[0]));
  EXPECT_EQ(values_of<std::uint8_t>(DType::f8_e8m0, {0x7F, 0x00, 0x80}),
            (V{1.0, std::ldexp(1.0, -127), 2.0}));
  EXPECT_TRUE(std::isnan(values_of<std::uint8_t>(DType::f8_e8m0, {0xFF})[0]));
}

TEST(TensorValues, FloatValuesRoundOnceAndRefuseOtherTypes) {
  const std::vector<double> wide = {0.1, 1e300, -1e-60};
  const TensorView tensor{"t", DType::f64, {3}, std::as_bytes(std::span(wide))};
  const std::vector<float> narrow = float_values(tensor, "f");
  EXPECT_EQ(narrow[0], 0.1F);
  EXPECT_TRUE(std::isinf(narrow[1]));
  EXPECT_EQ(narrow[2], -0.0F);
  const TensorView whole{"t", DType::i64, {3}, std::as_bytes(std::span(wide))};
  EXPECT_EQ(test::error_of([&] { static_cast<void>(float_values(whole, "f")); }),
            "f: tensor 't' is I64, not F32, F16, BF16 or F64");
}

}  // namespace
}  // namespace convoy
