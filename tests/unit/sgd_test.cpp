// kernels/sgd on a CPU against the rule of the paper in double precision.
#include "kernels/sgd.h"

#include <gtest/gtest.h>

#include "tests/support/cases_sgd.h"

namespace convoy {
namespace {

class Sgd : public ::testing::TestWithParam<SgdCase> {};

TEST_P(Sgd, FollowsThePaper) {
  const SgdProblem problem(GetParam());
  std::vector<float> w = floats(problem.w);
  std::vector<float> v = floats(problem.v);
  const std::vector<float> g = floats(problem.g);
  for (int step = 1; step <= 3; ++step) {
    cpu::sgd_update(problem.coefficients, static_cast<std::int64_t>(w.size()), w.data(), v.data(), g.data());
    problem.expect_after(step, w, v);
    if (step == 1) problem.expect_after_one(w, v);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Sgd, ::testing::ValuesIn(kSgdCases), case_name);

TEST(SgdDecay, IsInTheMomentum) {
  float w = 1.0F;
  float v = 0.0F;
  const float g = 0.0F;
  for (int step = 0; step < 2; ++step) {
    cpu::sgd_update(kDecayAlone, 1, &w, &v, &g);
    EXPECT_EQ(v, kDecayedV[step]);
    EXPECT_EQ(w, kDecayedW[step]);
  }
}

}  // namespace
}  // namespace convoy
