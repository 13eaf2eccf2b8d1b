// kernels/tanh on a CPU, in both element types.
#include "kernels/tanh.h"

#include <gtest/gtest.h>

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

TEST(TanhReference, MatchesFiniteDifferences) {
  TestRandom random(53);
  reference::Tensor x = random.tensor(1, 40, 1, 1);
  const reference::Tensor dy = random.tensor(1, 40, 1, 1);
  const auto loss = [&] { return reference::dot(reference::tanh(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(loss, x.v, reference::tanh_backward(x, dy).v, 1e-4), 1e-7);
}

}  // namespace
}  // namespace convoy
