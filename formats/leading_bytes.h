// What the readers of image streams ask of the first bytes of something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace convoy {

[[nodiscard]] inline bool starts_with(std::span<const std::uint8_t> bytes, std::string_view lead) {
  return bytes.size() >= lead.size() && std::memcmp(bytes.data(), lead.data(), lead.size()) == 0;
}

// bytes: at least 4, the most significant one first.
[[nodiscard]] inline std::uint32_t big_endian_32(std::span<const std::uint8_t> bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace convoy
