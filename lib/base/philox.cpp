#include "lib/base/philox.h"

#include <cmath>
#include <numbers>

namespace convoy {

NormalPair normal_pair(std::uint32_t random0, std::uint32_t random1) {
  // u is in (0, 1], so its logarithm is finite.
  const double u = (static_cast<double>(random0) + 1.0) * 0x1p-32;
  const double angle = 2.0 * std::numbers::pi * (static_cast<double>(random1) * 0x1p-32);
  const double radius = std::sqrt(-2.0 * std::log(u));
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace convoy
