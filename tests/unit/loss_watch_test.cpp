// A loss that does not fall is reported once.
#include "lib/runs/loss_watch.h"

#include <gtest/gtest.h>

namespace convoy {
namespace {

TEST(LossWatch, SpeaksOnceOfALossThatStaysAtChance) {
  constexpr double kChance = 2.302585;
  LossWatch flat(kChance);
  int said = 0;
  for (std::uint64_t step = 1; step <= 3 * LossWatch::kWindow; ++step) {
    if (!flat.add(step % 2 == 0 ? 2.2 : 2.4)) continue;
    ++said;
    EXPECT_EQ(step, LossWatch::kWindow);
    EXPECT_NEAR(flat.window_loss(), 2.3, 1e-9);
  }
  EXPECT_EQ(said, 1);
  LossWatch falling(kChance);
  for (std::uint64_t step = 1; step <= 3 * LossWatch::kWindow; ++step) EXPECT_FALSE(falling.add(2.0));
  LossWatch one_class(0.0);
  for (std::uint64_t step = 1; step <= LossWatch::kWindow; ++step) EXPECT_FALSE(one_class.add(0.0));
}

}  // namespace
}  // namespace convoy
