// bfloat16, the upper half of a float: halves memory traffic. Arithmetic is always done in float.
#pragma once

#include <bit>
#include <cstdint>

#include "lib/base/host_device.h"

namespace convoy {

struct Bf16 {
  std::uint16_t bits = 0;
};

[[nodiscard]] CONVOY_HOST_DEVICE constexpr float to_float(float value) { return value; }
[[nodiscard]] CONVOY_HOST_DEVICE constexpr float to_float(Bf16 value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// Rounds to nearest, ties to even; a NaN stays one.
template <typename T>
[[nodiscard]] CONVOY_HOST_DEVICE constexpr T from_float(float value);

template <>
CONVOY_HOST_DEVICE constexpr float from_float<float>(float value) {
  return value;
}
template <>
CONVOY_HOST_DEVICE constexpr Bf16 from_float<Bf16>(float value) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const std::uint32_t quiet = (bits >> 16) | 0x40U;
  return Bf16{static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet : rounded)};
}

}  // namespace convoy
