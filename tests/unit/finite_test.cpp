// Infinite values and NaNs are found at any index.
#include "lib/base/finite.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace convoy {
namespace {

TEST(AllFinite, FindsOneValueAnywhere) {
  std::vector<float> values(37, std::numeric_limits<float>::max());
  EXPECT_TRUE(all_finite(values));
  EXPECT_TRUE(all_finite({}));
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
      const float good = std::exchange(values[i], bad);
      EXPECT_FALSE(all_finite(values)) << i;
      values[i] = -good;
      EXPECT_TRUE(all_finite(values)) << i;
    }
  }
}

}  // namespace
}  // namespace convoy
