// kernels/fc on a CPU: all passes against the double-precision reference, for every layout of the input.
#include "kernels/fc.h"

#include <gtest/gtest.h>

#include "tests/support/cases_fc.h"

namespace convoy {
namespace {

class Fc : public ::testing::TestWithParam<FcCase> {};

TEST_P(Fc, MatchesReference) {
  const FcProblem p(GetParam());
  for (const int block : {1, 8, 16, GetParam().channels}) {
    for (const bool relu : {false, true}) {
      SCOPED_TRACE("block " + std::to_string(block) + (relu ? " with relu" : ""));
      cpu::ProductOptions options;
      options.train = true;
      options.relu = relu;
      const auto product = cpu::make_fc({shape_of(p.x, block), p.outputs}, options);
      EXPECT_EQ(product->activation_reorders(), 0);
      EXPECT_EQ(product->dst().image_elements(), p.outputs);
      p.expect(run_product<float>(*product, p.x, p.weights.v, p.bias, p.dy, true), relu, 0.0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Fc, ::testing::ValuesIn(kFcCases), case_name);

// The function is linear in each operand: central differences only err by rounding.
TEST(FcReference, MatchesFiniteDifferences) {
  TestRandom random(22);
  reference::Tensor x = random.tensor(3, 4, 2, 1);
  reference::Values weights = random.values(5 * 8);
  reference::Values bias = random.values(5);
  const reference::Tensor dy = random.tensor(3, 5, 1, 1);
  const auto loss = [&] { return reference::dot(reference::fc(5, x, weights, bias).v, dy.v); };
  const reference::ProductGradients g = reference::fc_backward(x, weights, dy);
  EXPECT_LT(reference::gradient_error(loss, x.v, g.x.v, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, weights, g.weights, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, bias, g.bias, 0.5), 1e-12);
}

}  // namespace
}  // namespace convoy
