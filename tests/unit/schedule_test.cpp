// Learning rate policies.
#include "lib/runs/schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

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

TEST(Schedule, PolyFallsToZeroAtTheEndOfTheRun) {
  const Schedule poly = Schedule::parse("poly:2");
  EXPECT_EQ(poly.factor({.seen = 0, .records = 10, .total = 400}), 1.0);
  EXPECT_EQ(poly.factor({.seen = 100, .records = 10, .total = 400}), 0.5625);
  EXPECT_EQ(poly.factor({.seen = 300, .records = 10, .total = 400}), 0.0625);
  EXPECT_EQ(poly.factor({.seen = 400, .records = 10, .total = 400}), 0.0);
  EXPECT_EQ(poly.factor({.seen = 500, .records = 10, .total = 400}), 0.0);
  EXPECT_EQ(Schedule::parse("poly:1").factor({.seen = 100, .records = 10, .total = 400}), 0.75);
  EXPECT_EQ(Schedule::parse("poly:0").factor({.seen = 100, .records = 10, .total = 400}), 1.0);
  EXPECT_DOUBLE_EQ(Schedule::parse("poly:0.5").factor({.seen = 300, .records = 10, .total = 400}), 0.5);
}

TEST(Schedule, CosineFallsToZeroAtTheEndOfTheRun) {
  const Schedule cosine = Schedule::parse("cosine");
  EXPECT_EQ(cosine.factor({.seen = 0, .records = 10, .total = 600}), 1.0);
  EXPECT_NEAR(cosine.factor({.seen = 200, .records = 10, .total = 600}), 0.75, 1e-15);  // cos 60 degrees
  EXPECT_NEAR(cosine.factor({.seen = 300, .records = 10, .total = 600}), 0.5, 1e-15);
  EXPECT_NEAR(cosine.factor({.seen = 400, .records = 10, .total = 600}), 0.25, 1e-15);
  EXPECT_EQ(cosine.factor({.seen = 600, .records = 10, .total = 600}), 0.0);
}

TEST(Schedule, ExpFallsByTheFactorInEachEpoch) {
  const Schedule falls = Schedule::parse("exp:0.81");
  EXPECT_EQ(falls.factor({.seen = 0, .records = 10}), 1.0);
  EXPECT_DOUBLE_EQ(falls.factor({.seen = 5, .records = 10}), 0.9);
  EXPECT_DOUBLE_EQ(falls.factor({.seen = 10, .records = 10}), 0.81);
  EXPECT_DOUBLE_EQ(falls.factor({.seen = 20, .records = 10}), 0.81 * 0.81);
  EXPECT_TRUE(std::isfinite(Schedule::parse("exp:1e6").factor({.seen = 1000, .records = 1})));
  EXPECT_EQ(Schedule::parse("exp:0").factor({.seen = 1, .records = 10}), 0.0);
}

TEST(Schedule, PlateauHasTheFactorOfItsDrops) {
  const Schedule plateau = Schedule::parse("plateau:0.1,10,3");
  ASSERT_TRUE(plateau.plateau().has_value());
  EXPECT_EQ(plateau.plateau()->patience, 10U);
  EXPECT_EQ(plateau.plateau()->times, 3U);
  EXPECT_EQ(plateau.factor({.seen = 1000, .records = 10}), 1.0);
  EXPECT_EQ(plateau.factor({.seen = 1000, .records = 10, .drops = 1}), 0.1);
  EXPECT_EQ(plateau.factor({.seen = 1000, .records = 10, .drops = 3}), 0.1 * 0.1 * 0.1);
  EXPECT_EQ(plateau.factor({.seen = 1000, .records = 10, .drops = 4}), 0.1 * 0.1 * 0.1)
      << "TIMES may have been lowered";
  EXPECT_FALSE(Schedule::parse("step:0.1@1").plateau().has_value());
}

// The validations (counted from 1) after which the rate falls.
std::vector<std::size_t> drops_of(const std::vector<double>& errors, const PlateauRule& rule) {
  PlateauState state;
  std::vector<std::size_t> drops;
  for (std::size_t i = 0; i < errors.size(); ++i) {
    if (state.add(errors[i], rule)) drops.push_back(i + 1);
  }
  EXPECT_EQ(state.drops, drops.size());
  return drops;
}

using Drops = std::vector<std::size_t>;

TEST(Plateau, FallsAfterRecordedSequencesOfErrors) {
  const PlateauRule three{.factor = 0.1, .patience = 3, .times = 2};
  EXPECT_EQ(drops_of({0.9, 0.8, 0.7, 0.6, 0.5, 0.4}, three), Drops{});
  EXPECT_EQ(drops_of({0.9, 0.9, 0.9, 0.9, 0.9, 0.9}, three), Drops{4}) << "an equal error is none smaller";
  EXPECT_EQ(drops_of({0.5, 0.6, 0.6, 0.4, 0.5, 0.5, 0.41}, three), Drops{7}) << "0.4 is the least";
  EXPECT_EQ(drops_of({0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6}, three), (Drops{4, 7}))
      << "twice at most";
  // After a drop the count starts anew, but the least error stays.
  EXPECT_EQ(drops_of({0.3, 0.4, 0.4, 0.4, 0.35, 0.34, 0.33}, three), (Drops{4, 7}));
  EXPECT_EQ(drops_of({0.3, 0.4, 0.4, 0.4, 0.35, 0.29, 0.33}, three), Drops{4});
  const PlateauRule one{.factor = 0.1, .patience = 1, .times = 9};
  EXPECT_EQ(drops_of({0.5, 0.4, 0.4, 0.3, 0.31, 0.2}, one), (Drops{3, 5}));
  EXPECT_EQ(drops_of({0.5, 0.6, 0.7}, {.factor = 0.1, .patience = 1, .times = 0}), Drops{});
}

// The same rule from its definition, looking back over all errors.
TEST(Plateau, FallsAsTheRuleSaysForRandomErrors) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t n) { return random() % n; };
  for (int round = 0; round < 2000; ++round) {
    const PlateauRule rule{.factor = 0.5, .patience = 1 + below(4), .times = below(5)};
    std::vector<double> errors(1 + below(30));
    for (double& error : errors) error = static_cast<double>(below(12)) / 12;
    Drops expected;
    std::size_t since = 0;  // the validation of the last drop
    for (std::size_t i = 1; i <= errors.size() && expected.size() < rule.times; ++i) {
      const auto best = std::min_element(errors.begin(), errors.begin() + static_cast<std::ptrdiff_t>(i));
      const std::size_t least = static_cast<std::size_t>(best - errors.begin()) + 1;
      if (i - std::max(least, since) >= rule.patience) expected.push_back(since = i);
    }
    ASSERT_EQ(drops_of(errors, rule), expected);
  }
}

TEST(Warmup, RisesInALine) {
  const Warmup none;
  EXPECT_EQ(none.factor({.seen = 0, .records = 10, .batch = 5}), 1.0);
  EXPECT_EQ(none.text(), "");
  const Warmup two = Warmup::parse("2");
  EXPECT_EQ(two.factor({.seen = 0, .records = 10, .batch = 5}), 0.25) << "the first step learns";
  EXPECT_EQ(two.factor({.seen = 5, .records = 10, .batch = 5}), 0.5);
  EXPECT_EQ(two.factor({.seen = 15, .records = 10, .batch = 5}), 1.0);
  EXPECT_EQ(two.factor({.seen = 1500, .records = 10, .batch = 5}), 1.0);
  EXPECT_EQ(two.text(), "2");
  const Warmup from = Warmup::parse("0.5,0.2");
  EXPECT_DOUBLE_EQ(from.factor({.seen = 0, .records = 100, .batch = 10}), 0.36);
  EXPECT_DOUBLE_EQ(from.factor({.seen = 30, .records = 100, .batch = 10}), 0.84);
  EXPECT_EQ(from.factor({.seen = 40, .records = 100, .batch = 10}), 1.0);
  EXPECT_EQ(Warmup::parse(from.text()).text(), "0.5,0.2");
  for (const char* bad : {"", ",", "1,", ",1", "-1", "1,2", "1,0.5,0", "x", "nan", "1, 0"}) {
    EXPECT_THROW((void)Warmup::parse(bad), UsageError) << bad;
  }
}

TEST(Schedule, RefusesWhatItCannotRead) {
  for (const char* bad : {"",
                          "Fixed",
                          "step",
                          "step:",
                          "step:0.1",
                          "step:@3",
                          "step:0.1@",
                          "step:0.1@3,",
                          "step:0.1@3,2",
                          "step:0.1@3,3",
                          "step:-1@3",
                          "step:0.1@x",
                          "step:nan@1",
                          "plateau",
                          "fixed ",
                          "step:0.1@1, 2",
                          "step:0.1@1,,2",
                          "fixed:",
                          "fixed:1",
                          "cosine:",
                          "cosine:1",
                          "poly",
                          "poly:",
                          "poly:-1",
                          "poly:1,2",
                          "exp",
                          "exp:",
                          "exp:-1",
                          "exp:1e7",
                          "plateau:",
                          "plateau:0.1",
                          "plateau:0.1,2",
                          "plateau:0.1,0,1",
                          "plateau:1,2,3",
                          "plateau:10,2,3",
                          "plateau:0.1,2,3,4",
                          "plateau:0.1,1.5,3",
                          "plateau:-0.1,2,3",
                          "plateau:0.1,2,1001"}) {
    EXPECT_THROW((void)Schedule::parse(bad), UsageError) << bad;
  }
}

}  // namespace
}  // namespace convoy
