#include "lib/base/finite.h"

#include <bit>
#include <cstdint>

namespace convoy {

bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7F800000;  // all ones in a value that is not finite
  std::uint32_t found = 0;
  for (const float value : values) {
    found |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(value) & kExponent) == kExponent);
  }
  return found == 0;
}

}  // namespace convoy
