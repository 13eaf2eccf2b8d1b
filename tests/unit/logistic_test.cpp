// kernels/logistic on a CPU, in both element types.
#include "kernels/logistic.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/cases_elementwise.h"

namespace convoy {
namespace {

template <typename T>
class Logistic : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Logistic, Elements);

TYPED_TEST(Logistic, MatchesReference) {
  for (const int count : kElementCounts) {
    for (const int block : {1, 16}) {
      const ElementwiseProblem problem(count, 4.0);
      const TensorShape shape = shape_of(problem.x, block);
      const std::vector<TypeParam> x = packed<TypeParam>(problem.x, shape);
      std::vector<TypeParam> y(x.size());
      cpu::logistic_forward<TypeParam>(shape, x.data(), y.data());
      std::vector<TypeParam> gradient = packed<TypeParam>(problem.dy, shape);
      cpu::logistic_backward<TypeParam>(shape, y.data(), gradient.data(), gradient.data());
      expect_logistic(problem, y, gradient, shape);
    }
  }
}

// Over the whole range of floats, at steps of 1/64 and at its ends.
TEST(LogisticValues, AreWithinTheBoundOfTheHeader) {
  for (int i = -200 * 64; i <= 200 * 64; ++i) {
    const float x = static_cast<float>(i) / 64.0F;
    const double want = 1.0 / (1.0 + std::exp(-double{x}));
    ASSERT_NEAR(logistic(x), want, x < -87.0F ? 0x1p-125 : 4 * 0x1p-24 * want) << x;
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(logistic(0.0F), 0.5F);
  EXPECT_EQ(logistic(kInfinity), 1.0F);
  EXPECT_LE(logistic(-kInfinity), 0x1p-125F);
  EXPECT_EQ(logistic(std::numeric_limits<float>::max()), 1.0F);
  EXPECT_TRUE(std::isnan(logistic(std::numeric_limits<float>::quiet_NaN())));
}

// Vector code of the loop gives what the function gives.
TEST(LogisticValues, AreTheSameInALoop) {
  TestRandom random(57);
  std::vector<float> x(1009);
  for (float& value : x) value = static_cast<float>(40.0 * random.next());
  x[7] = std::numeric_limits<float>::quiet_NaN();
  const TensorShape shape{1, 1009, 1, 1, 1};
  std::vector<float> y(x.size());
  cpu::logistic_forward<float>(shape, x.data(), y.data());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i == 7) {
      EXPECT_TRUE(std::isnan(y[i]));
    } else {
      // Compilers may fuse a multiplication and an addition in one of them.
      EXPECT_NEAR(y[i], logistic(x[i]), 8 * 0x1p-24 * logistic(x[i])) << x[i];
    }
  }
}

TEST(LogisticReference, MatchesFiniteDifferences) {
  TestRandom random(53);
  reference::Tensor x = random.tensor(1, 40, 1, 1);
  const reference::Tensor dy = random.tensor(1, 40, 1, 1);
  const auto loss = [&] { return reference::dot(reference::logistic(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(loss, x.v, reference::logistic_backward(x, dy).v, 1e-4), 1e-7);
}

}  // namespace
}  // namespace convoy
