// kernels/lrn on a CPU against the double-precision reference, in every layout and both element types.
#include "kernels/lrn.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "tests/support/cases_lrn.h"

namespace convoy {
namespace {

template <typename T>
void check(const LrnProblem& p, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const LrnShape shape = p.shape(block);
  std::vector<float> scratch(static_cast<std::size_t>(cpu::lrn_scratch(shape)) *
                             static_cast<std::size_t>(omp_get_max_threads()));
  const std::vector<T> x = packed<T>(p.x, shape.tensor);
  std::vector<T> y(x.size());
  cpu::lrn_forward(shape, x.data(), y.data(), scratch);
  std::vector<T> gradient = packed<T>(p.dy, shape.tensor);
  cpu::lrn_backward(shape, x.data(), gradient.data(), gradient.data(), p.relu_input, scratch);
  p.expect(y, gradient, shape.tensor, cpu::lrn_error<T>(p.spec));
}

class Lrn : public ::testing::TestWithParam<LrnCase> {};

TEST_P(Lrn, MatchesReferenceInEveryLayout) {
  for (const bool relu_input : {false, true}) {
    SCOPED_TRACE(relu_text(relu_input, false));
    const LrnProblem problem(GetParam(), relu_input);
    for (const int block : {1, 8, 16, GetParam().channels}) {
      check<float>(problem, block);
      check<Bf16>(problem, block);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Lrn, ::testing::ValuesIn(kLrnCases), case_name);

// Central differences with step h err by h^2 times the third derivative, which is of the order of 1 here.
TEST(LrnReference, MatchesFiniteDifferences) {
  for (const LrnSpec& spec : {LrnSpec{5, 2.0, 0.3, 0.75, false}, LrnSpec{4, 1.0, 0.9, 0.5, true},
                              LrnSpec{5, 1.0, 0.9, 0.75, false, 2}}) {
    TestRandom random(32);
    reference::Tensor x = random.tensor(2, 8, 2, 1);
    const reference::Tensor dy = random.tensor(2, 8, 2, 1);
    const auto loss = [&] { return reference::dot(reference::lrn(spec, x).v, dy.v); };
    EXPECT_LT(reference::gradient_error(loss, x.v, reference::lrn_backward(spec, x, dy).v, 1e-4), 1e-6);
  }
}

// By hand from the formula in the paper: one channel with x = 2, k = 2, alpha = 1, beta = 0.75 is 2 / 6^0.75.
TEST(LrnReference, MatchesTheFormulaByHand) {
  reference::Tensor x(1, 1, 1, 1);
  x.v[0] = 2.0;
  EXPECT_NEAR(reference::lrn({5, 2.0, 1.0, 0.75, false}, x).v[0], 0.52169, 1e-5);
  EXPECT_NEAR(reference::lrn({5, 2.0, 1.0, 0.75, true}, x).v[0], 2.0 / std::pow(2.8, 0.75), 1e-12);
}

// Of towers that are normalised alone: the halves of one tensor are what each half is by itself.
TEST(LrnReference, GroupsAreNormalisedAlone) {
  TestRandom random(33);
  const reference::Tensor x = random.tensor(1, 12, 1, 1);
  const reference::Tensor y = reference::lrn({5, 1.0, 0.9, 0.75, false, 2}, x);
  for (const int first : {0, 6}) {
    reference::Tensor half(1, 6, 1, 1);
    for (int c = 0; c < 6; ++c) half.at(0, c, 0, 0) = x.at(0, first + c, 0, 0);
    const reference::Tensor alone = reference::lrn({5, 1.0, 0.9, 0.75, false}, half);
    for (int c = 0; c < 6; ++c) EXPECT_EQ(alone.at(0, c, 0, 0), y.at(0, first + c, 0, 0)) << first + c;
  }
}

}  // namespace
}  // namespace convoy
