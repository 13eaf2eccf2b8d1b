// Learning rate policies.
#include "lib/runs/schedule.h"

#include <gtest/gtest.h>

#include "lib/base/error.h"

namespace convoy {
namespace {

TEST(Schedule, FixedStaysOne) {
  const Schedule fixed = Schedule::parse("fixed");
  EXPECT_EQ(fixed.factor({.seen = 0, .records = 10}), 1.0);
  EXPECT_EQ(fixed.factor({.seen = 1'000'000, .records = 10}), 1.0);
  EXPECT_EQ(fixed.text(), "fixed");
}

TEST(Schedule, StepsFallAtTheImageThatCompletesTheEpoch) {
  const Schedule step = Schedule::parse("step:0.1@2,3.5");
  EXPECT_EQ(step.factor({.seen = 0, .records = 10}), 1.0);
  EXPECT_EQ(step.factor({.seen = 19, .records = 10}), 1.0);
  EXPECT_EQ(step.factor({.seen = 20, .records = 10}), 0.1);
  EXPECT_EQ(step.factor({.seen = 34, .records = 10}), 0.1);
  EXPECT_EQ(step.factor({.seen = 35, .records = 10}), 0.1 * 0.1);
  EXPECT_EQ(Schedule::parse(step.text()).factor({.seen = 35, .records = 10}), 0.1 * 0.1);
}

TEST(Schedule, RefusesWhatItCannotRead) {
  for (const char* bad :
       {"", "Fixed", "step", "step:", "step:0.1", "step:@3", "step:0.1@", "step:0.1@3,", "step:0.1@3,2",
        "step:0.1@3,3", "step:-1@3", "step:0.1@x", "step:nan@1", "plateau", "fixed ", "step:0.1@1, 2"}) {
    EXPECT_THROW((void)Schedule::parse(bad), UsageError) << bad;
  }
}

}  // namespace
}  // namespace convoy
