// kernels/lars on a CPU against the equation of the paper in double precision.
#include "kernels/lars.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>

#include "tests/support/cases_lars.h"

namespace convoy {
namespace {

class Lars : public ::testing::TestWithParam<LarsCase> {};

TEST_P(Lars, FollowsThePaper) {
  const LarsProblem problem(GetParam());
  const auto count = static_cast<std::int64_t>(problem.w.size());
  problem.expect(cpu::lars_coefficients(problem.rule, count, problem.w.data(), problem.g.data()));
}

// The sums have one order, whatever the number of threads.
TEST_P(Lars, HasTheSameBitsOnAnyThreads) {
  const LarsProblem problem(GetParam());
  const auto count = static_cast<std::int64_t>(problem.w.size());
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  const double want = cpu::sum_of_squares(count, problem.w.data());
  for (const int threads : {2, 3, 7}) {
    omp_set_num_threads(threads);
    EXPECT_EQ(cpu::sum_of_squares(count, problem.w.data()), want) << threads << " threads";
  }
  omp_set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Sizes, Lars, ::testing::ValuesIn(kLarsCases), case_name);

TEST(LarsSum, CountsEveryElementOnce) {
  for (std::int64_t count = 0; count <= 1100; ++count) {
    const std::vector<float> ones(static_cast<std::size_t>(count) + 64, 1.0F);
    ASSERT_EQ(cpu::sum_of_squares(count, ones.data()), static_cast<double>(count));
  }
  const std::vector<float> many(200'000, 2.0F);
  EXPECT_EQ(cpu::sum_of_squares(199'999, many.data()), 4.0 * 199'999);
}

// Squares that a float cannot hold.
TEST(LarsSum, NeitherOverflowsNorVanishes) {
  const std::vector<float> huge(5, 0x1p127F);
  EXPECT_EQ(cpu::sum_of_squares(5, huge.data()), 5 * 0x1p254);
  const std::vector<float> tiny(5, 0x1p-149F);
  EXPECT_EQ(cpu::sum_of_squares(5, tiny.data()), 5 * 0x1p-298);
}

TEST(LarsStep, IsThatOfPlainSgdWhereTheGradientVanishes) {
  const LarsRule rule{.trust = 0.001, .rate = 10.0, .decay = 0.0, .gradient_scale = 1.0, .momentum = 0.9F};
  const float w = 1.0F;
  EXPECT_EQ(cpu::lars_coefficients(rule, 1, &w, &kVanishingGradient).rate, 0.01F);
}

// What the equation is for: without momentum, decay and rounding, a step moves w by trust * rate * |w|,
// however long the gradient is.
TEST(LarsStep, DoesNotDependOnTheLengthOfTheGradient) {
  const LarsRule rule{.trust = 0.001, .rate = 8.0, .decay = 0.0, .gradient_scale = 1.0, .momentum = 0.0F};
  for (const float length : {1e-20F, 1e-3F, 1.0F, 1e6F, 1e20F}) {
    std::vector<float> w{3.0F, 4.0F};
    std::vector<float> v{0.0F, 0.0F};
    const std::vector<float> g{0.0F, length};
    cpu::sgd_update(cpu::lars_coefficients(rule, 2, w.data(), g.data()), 2, w.data(), v.data(), g.data());
    EXPECT_EQ(w[0], 3.0F);
    EXPECT_NEAR(w[1], 4.0 - 0.001 * 8.0 * 5.0, 4 * 0x1p-23) << length;
  }
}

}  // namespace
}  // namespace convoy
