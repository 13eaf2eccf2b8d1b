// Intervals of steps, epochs and minutes.
#include "lib/runs/interval.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace convoy {
namespace {

TEST(Interval, CountsStepsAndEpochs) {
  const Interval steps = Interval::parse("3steps", "--x", true);
  EXPECT_FALSE(steps.due(2, 4, 10));
  EXPECT_TRUE(steps.due(3, 4, 10));
  EXPECT_TRUE(steps.due(6, 4, 10));
  EXPECT_TRUE(Interval::parse("1step", "--x", true).due(1, 4, 10));
  // 4 images a step, 10 an epoch: epochs end in steps 3, 5 and 8.
  for (const char* text : {"1epoch", "1epochs"}) {
    const Interval epochs = Interval::parse(text, "--x", true);
    std::string due;
    for (std::uint64_t step = 1; step <= 8; ++step) due += epochs.due(step, 4, 10) ? 'x' : '.';
    EXPECT_EQ(due, "..x.x..x") << text;
  }
  EXPECT_TRUE(Interval::parse("2epochs", "--x", true).due(5, 4, 10));
  EXPECT_FALSE(Interval::parse("2epochs", "--x", true).due(3, 4, 10));
  EXPECT_TRUE(Interval::parse("0.5epochs", "--x", true).due(2, 4, 10));
}

TEST(Interval, KnowsMinutesAndNever) {
  const Interval minutes = Interval::parse("2minutes", "--x", true);
  EXPECT_FALSE(minutes.due(1, 1, 1));
  EXPECT_FALSE(minutes.due_after(119));
  EXPECT_TRUE(minutes.due_after(120));
  const Interval never = Interval::parse("never", "--x", false);
  EXPECT_FALSE(never.due(1, 1, 1));
  EXPECT_FALSE(never.due_after(1e9));
  EXPECT_FALSE(Interval::parse("1steps", "--x", true).due_after(1e9));
}

TEST(Interval, RefusesWhatItCannotRead) {
  for (const char* bad : {"", "0steps", "0epochs", "steps", "1.5steps", "-1epochs", "1hour", "1 epoch", "1e3",
                          "1", "0.5", "Never", "99999999999999999999steps"}) {
    EXPECT_THROW((void)Interval::parse(bad, "--x", true), UsageError) << bad;
  }
  EXPECT_THROW((void)Interval::parse("5minutes", "--x", false), UsageError);
}

}  // namespace
}  // namespace convoy
