#include "formats/tensor_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "lib/base/bf16.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

constexpr int kFloatMantissa = 23;
constexpr int kHalfMantissa = 10;
constexpr int kHalfBias = 15;
constexpr std::uint32_t kFloatInfinity = 0x7F800000U;
constexpr std::uint16_t kHalfInfinity = 0x7C00U;

// A number of one byte: sign, exponent, mantissa. `infinite`: IEEE 754's rule for the largest exponent, as in
// F8_E5M2; F8_E4M3 (of the OCP's 8-bit formats) has no infinities, and one NaN.
struct ByteFloat {
  int mantissa = 0;
  int bias = 0;
  bool infinite = false;
};

double value_of(std::uint8_t bits, const ByteFloat& format) {
  constexpr int kBits = 7;  // without the sign
  const int magnitude = bits & 0x7F;
  const int exponent = magnitude >> format.mantissa;
  const int fraction = magnitude & ((1 << format.mantissa) - 1);
  const int largest = (1 << (kBits - format.mantissa)) - 1;
  double value = 0.0;
  if (format.infinite && exponent == largest) {
    value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan("");
  } else if (!format.infinite && magnitude == 0x7F) {
    value = std::nan("");
  } else if (exponent == 0) {
    value = std::ldexp(fraction, 1 - format.bias - format.mantissa);
  } else {
    value = std::ldexp(fraction + (1 << format.mantissa), exponent - format.bias - format.mantissa);
  }
  return (bits & 0x80) != 0 ? -value : value;
}

double e4m3(std::uint8_t bits) { return value_of(bits, {.mantissa = 3, .bias = 7, .infinite = false}); }
double e5m2(std::uint8_t bits) { return value_of(bits, {.mantissa = 2, .bias = 15, .infinite = true}); }
// A power of two without a sign.
double e8m0(std::uint8_t bits) { return bits == 0xFF ? std::nan("") : std::ldexp(1.0, bits - 127); }

// Reads values of type T, which need not be aligned.
template <typename T, typename Number, typename Convert>
void copy_as(const TensorView& tensor, std::uint64_t first, std::span<Number> into, const Convert& convert) {
  const std::byte* from = tensor.data.data() + first * sizeof(T);
  for (Number& number : into) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    number = static_cast<Number>(convert(value));
    from += sizeof(T);
  }
}

template <typename T>
void copy_plain(const TensorView& tensor, std::uint64_t first, std::span<double> into) {
  copy_as<T>(tensor, first, into, [](T value) { return value; });
}

float float_of_bf16(std::uint16_t bits) { return to_float(Bf16{bits}); }

}  // namespace

float float_from_f16(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  if (magnitude >= kHalfInfinity) {
    return std::bit_cast<float>(sign | kFloatInfinity |
                                ((magnitude & 0x3FFU) << (kFloatMantissa - kHalfMantissa)));
  }
  // As bits of a float the number is too small by a power of two, even if it is subnormal. The product is
  // exact, because kScale is a power of two.
  constexpr float kScale = 0x1p112F;  // 2^(127 - 15)
  const auto scaled = std::bit_cast<float>(magnitude << (kFloatMantissa - kHalfMantissa)) * kScale;
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
}

std::uint16_t f16_from_float(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > kFloatInfinity) return static_cast<std::uint16_t>(sign | kHalfInfinity | 0x200U);
  constexpr std::uint32_t kTooLarge = 0x477FF000U;  // 65520: halfway to what would follow the largest, 65504
  if (magnitude >= kTooLarge) return static_cast<std::uint16_t>(sign | kHalfInfinity);
  const int exponent = static_cast<int>(magnitude >> kFloatMantissa) - 127;
  // A significand of 24 bits, of which the half keeps 11, or fewer where it is subnormal.
  const std::uint32_t significand = (magnitude & 0x7FFFFFU) | 0x800000U;
  const int dropped = kFloatMantissa - kHalfMantissa + std::max(0, 1 - kHalfBias - exponent);
  if (dropped > kFloatMantissa + 1) return sign;
  const std::uint32_t kept = significand >> dropped;
  const std::uint32_t rest = significand & ((1U << dropped) - 1);
  const std::uint32_t half = 1U << (dropped - 1);
  const std::uint32_t rounded = kept + (rest > half || (rest == half && (kept & 1U) != 0) ? 1U : 0U);
  // The leading bit of a normal number adds one to the exponent, and so does a carry.
  const auto before = static_cast<std::uint32_t>(std::max(0, exponent + kHalfBias - 1));
  return static_cast<std::uint16_t>(sign | ((before << kHalfMantissa) + rounded));
}

bool is_real(DType type) { return type != DType::c64; }

bool is_floating(DType type) {
  switch (type) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::c64:
    case DType::f8_e4m3:
    case DType::f8_e5m2:
    case DType::f8_e8m0:
      return true;
    default:
      return false;
  }
}

void copy_values(const TensorView& tensor, std::uint64_t first, std::span<double> into) {
  switch (tensor.type) {
    case DType::f64:
      return copy_plain<double>(tensor, first, into);
    case DType::f32:
      return copy_plain<float>(tensor, first, into);
    case DType::f16:
      return copy_as<std::uint16_t>(tensor, first, into, float_from_f16);
    case DType::bf16:
      return copy_as<std::uint16_t>(tensor, first, into, float_of_bf16);
    case DType::i64:
      return copy_plain<std::int64_t>(tensor, first, into);
    case DType::i32:
      return copy_plain<std::int32_t>(tensor, first, into);
    case DType::i16:
      return copy_plain<std::int16_t>(tensor, first, into);
    case DType::i8:
      return copy_plain<std::int8_t>(tensor, first, into);
    case DType::u64:
      return copy_plain<std::uint64_t>(tensor, first, into);
    case DType::u32:
      return copy_plain<std::uint32_t>(tensor, first, into);
    case DType::u16:
      return copy_plain<std::uint16_t>(tensor, first, into);
    case DType::u8:
    case DType::boolean:
      return copy_plain<std::uint8_t>(tensor, first, into);
    case DType::f8_e4m3:
      return copy_as<std::uint8_t>(tensor, first, into, e4m3);
    case DType::f8_e5m2:
      return copy_as<std::uint8_t>(tensor, first, into, e5m2);
    case DType::f8_e8m0:
      return copy_as<std::uint8_t>(tensor, first, into, e8m0);
    case DType::c64:
      break;
  }
  std::ranges::fill(into, std::nan(""));  // not reached: is_real()
}

bool becomes_float(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16 || type == DType::f64;
}

std::vector<float> float_values(const TensorView& tensor, std::string_view place) {
  const std::uint64_t count = tensor.data.size() / dtype_bytes(tensor.type);
  std::vector<float> values(count);
  const std::span<float> into(values);
  switch (tensor.type) {
    case DType::f32:
      copy_as<float>(tensor, 0, into, [](float value) { return value; });
      return values;
    case DType::f64:
      copy_as<double>(tensor, 0, into, [](double value) { return value; });
      return values;
    case DType::f16:
      copy_as<std::uint16_t>(tensor, 0, into, float_from_f16);
      return values;
    case DType::bf16:
      copy_as<std::uint16_t>(tensor, 0, into, float_of_bf16);
      return values;
    default:
      throw Error(place, "tensor '" + tensor.name + "' is " + std::string(dtype_name(tensor.type)) +
                             ", not F32, F16, BF16 or F64");
  }
}

}  // namespace convoy
