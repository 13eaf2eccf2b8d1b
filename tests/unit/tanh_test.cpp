// kernels/tanh on a CPU, in both element types.
#include "kernels/tanh.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/support/cases_elementwise.h"

namespace convoy {
namespace {

template <typename T>
class Tanh : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Tanh, Elements);

TYPED_TEST(Tanh, MatchesReference) {
  for (const int count : kElementCounts) {
    const ElementwiseProblem problem(count, 4.0);
    const TensorShape shape = shape_of(problem.x, 1);
    const std::vector<TypeParam> x = packed<TypeParam>(problem.x, shape);
    std::vector<TypeParam> y(x.size());
    cpu::tanh_forward<TypeParam>(count, x.data(), y.data());
    std::vector<TypeParam> gradient = packed<TypeParam>(problem.dy, shape);
    cpu::tanh_backward<TypeParam>(count, y.data(), gradient.data(), gradient.data());
    expect_tanh(problem, y, gradient, shape);
  }
}

float tanh_of_float(float x) { return tanh_of<float, std::uint32_t>(x); }

// Over the whole range of floats: at steps of 1/64, at powers of two with some numbers beside them, at its
// ends.
TEST(TanhValues, AreWithinTheBoundOfTheHeader) {
  const auto check = [](float x) {
    const double want = std::tanh(double{x});
    ASSERT_NEAR(tanh_of_float(x), want, 4 * 0x1p-24 * std::abs(want) + 0x1p-149) << x;
  };
  for (int i = -100 * 64; i <= 100 * 64; ++i) check(static_cast<float>(i) / 64.0F);
  for (int exponent = -149; exponent < 128; ++exponent) {
    for (const float factor : {1.0F, 1.25F, 1.37F, 1.5F, 1.99F}) {
      check(std::ldexp(factor, exponent));
      check(std::ldexp(-factor, exponent));
    }
  }
  EXPECT_TRUE(std::signbit(tanh_of_float(-0.0F)));
  EXPECT_FALSE(std::signbit(tanh_of_float(0.0F)));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(tanh_of_float(kInfinity), 1.0F);
  EXPECT_EQ(tanh_of_float(-kInfinity), -1.0F);
  EXPECT_TRUE(std::isnan(tanh_of_float(std::numeric_limits<float>::quiet_NaN())));
}

// Vector code of the loop gives what the function gives.
TEST(TanhValues, AreTheSameInALoop) {
  TestRandom random(59);
  std::vector<float> x(1009);
  for (float& value : x) value = static_cast<float>(20.0 * random.next());
  std::vector<float> y(x.size());
  cpu::tanh_forward<float>(std::ssize(x), x.data(), y.data());
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(y[i], tanh_of_float(x[i])) << x[i];
}

TEST(TanhReference, MatchesFiniteDifferences) {
  TestRandom random(53);
  reference::Tensor x = random.tensor(1, 40, 1, 1);
  const reference::Tensor dy = random.tensor(1, 40, 1, 1);
  const auto loss = [&] { return reference::dot(reference::tanh(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(loss, x.v, reference::tanh_backward(x, dy).v, 1e-4), 1e-7);
}

}  // namespace
}  // namespace convoy
