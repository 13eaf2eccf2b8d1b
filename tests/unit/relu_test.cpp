// kernels/relu on a CPU, in both element types.
#include "kernels/relu.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/cases_elementwise.h"

namespace convoy {
namespace {

template <typename T>
class Relu : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Relu, Elements);

TYPED_TEST(Relu, IsExact) {
  for (const int count : kElementCounts) {
    const ElementwiseProblem problem(count, 1.0);
    const TensorShape shape = shape_of(problem.x, 1);
    const std::vector<TypeParam> x = packed<TypeParam>(problem.x, shape);
    std::vector<TypeParam> y(x.size());
    cpu::relu_forward<TypeParam>(count, x.data(), y.data());
    std::vector<TypeParam> gradient = packed<TypeParam>(problem.dy, shape);
    cpu::relu_backward<TypeParam>(count, y.data(), gradient.data(), gradient.data());
    expect_relu(problem, y, gradient, shape);
  }
}

TEST(ReluKernel, ANanIsNotLost) { EXPECT_TRUE(std::isnan(relu(std::nanf("")))); }

TEST(ReluReference, MatchesFiniteDifferences) {
  TestRandom random(53);
  reference::Tensor x = random.tensor(1, 40, 1, 1);
  for (double& value : x.v) value += value >= 0.0 ? 0.5 : -0.5;  // away from the kink
  const reference::Tensor dy = random.tensor(1, 40, 1, 1);
  const auto loss = [&] { return reference::dot(reference::relu(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(loss, x.v, reference::relu_backward(x, dy).v, 0.25), 1e-12);
}

}  // namespace
}  // namespace convoy
