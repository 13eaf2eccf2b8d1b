// A loss that does not fall is reported once.
#include "lib/runs/loss_watch.h"

#include <gtest/gtest.h>

#include <cmath>

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

TEST(LossAlarm, SpeaksOnceOfALossFarAboveGuessing) {
  const double guessing = std::log(10);
  LossAlarm ordinary(10);
  for (int step = 0; step < 100; ++step)
    EXPECT_FALSE(ordinary.add(step % 20 == 7 ? 10 * guessing : guessing));
  EXPECT_FALSE(ordinary.finish());
  LossAlarm high(10);
  std::uint64_t said = 0;
  for (std::uint64_t step = 1; step <= 100; ++step) {
    if (high.add(2.1 * guessing)) said = said * 1000 + step;
  }
  EXPECT_EQ(said, LossAlarm::kWindow);
  EXPECT_EQ(high.training_steps(), LossAlarm::kWindow);
  EXPECT_NEAR(high.training_loss(), 2.1 * guessing, 1e-9);
  EXPECT_FALSE(high.finish());
}

TEST(LossAlarm, TakesTheFirstStepAloneAndTheLastOnesTogether) {
  const double guessing = std::log(10);
  LossAlarm first(10);
  EXPECT_TRUE(first.add(4.1 * guessing));
  EXPECT_EQ(first.training_steps(), 1U);
  EXPECT_FALSE(first.add(9 * guessing));
  LossAlarm last(10);
  EXPECT_FALSE(last.add(3.9 * guessing));
  EXPECT_FALSE(last.add(5 * guessing)) << "one odd step";
  EXPECT_TRUE(last.finish());
  EXPECT_EQ(last.training_steps(), 2U);
  LossAlarm none(10);
  EXPECT_FALSE(none.finish());
  LossAlarm one_class(1);
  EXPECT_FALSE(one_class.add(5.0));
  EXPECT_FALSE(one_class.finish());
  EXPECT_FALSE(one_class.add_validation(5.0));
}

TEST(LossAlarm, SpeaksOnceOfValidation) {
  LossAlarm alarm(10);
  EXPECT_FALSE(alarm.add_validation(1.9 * std::log(10)));
  EXPECT_TRUE(alarm.add_validation(2.1 * std::log(10)));
  EXPECT_FALSE(alarm.add_validation(2.1 * std::log(10)));
}

}  // namespace
}  // namespace convoy
