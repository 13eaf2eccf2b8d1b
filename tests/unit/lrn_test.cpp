// kernels/lrn against the double-precision reference, in every layout and both element types.
#include "kernels/lrn.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>

#include "tests/support/lrn_bounds.h"

namespace convoy {
namespace {

struct Case {
  const char* name;
  int images, channels, height, width;
  LrnSpec spec;
};

// Constants large enough that every term counts.
const Case kCases[] = {
    {"paper", 2, 32, 5, 7, {5, 2.0, 1e-4, 0.75, false}},
    {"strong", 2, 32, 5, 7, {5, 1.0, 0.5, 0.75, false}},
    {"mean_of_three", 3, 16, 3, 3, {3, 1.0, 0.8, 0.75, true}},
    {"even_window", 2, 19, 3, 5, {4, 1.5, 0.3, 0.75, false}},
    {"other_power", 1, 17, 4, 5, {5, 2.0, 0.4, 0.6, false}},
    {"wider_than_channels", 2, 3, 5, 5, {9, 1.0, 0.7, 0.75, false}},
    {"one_channel", 1, 1, 3, 3, {5, 1.0, 0.5, 0.75, true}},
    {"window_of_one", 2, 8, 2, 9, {1, 1.0, 0.5, 0.75, false}},
    {"wide_window", 1, 48, 2, 3, {35, 1.0, 0.5, 0.75, false}},
    {"three_runs_other_power", 1, 48, 3, 2, {5, 2.0, 0.4, 0.6, false}},
};

template <typename T>
void check(const Case& k, int block, bool relu_input) {
  const std::uint64_t seed = 31;
  SCOPED_TRACE("seed " + std::to_string(seed) + " block " + std::to_string(block));
  TestRandom random(seed);
  reference::Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const reference::Tensor x = relu_input ? reference::relu(before) : before;
  const reference::Tensor dy = random.tensor(k.images, k.channels, k.height, k.width);
  const TensorShape tensor = shape_of(x, block);
  const LrnShape shape = lrn_shape_of(k.spec, tensor);
  std::vector<float> scratch(static_cast<std::size_t>(cpu::lrn_scratch(shape)) *
                             static_cast<std::size_t>(omp_get_max_threads()));
  const auto factor = lrn_error<T>(k.spec);

  const std::vector<T> in = packed<T>(x, tensor);
  std::vector<T> out(in.size());
  cpu::lrn_forward(shape, in.data(), out.data(), scratch);
  const reference::Tensor y = reference::lrn(k.spec, x);
  expect_near(unpacked(out, tensor).v, y.v, reference::magnitudes(y.v), factor, "y");
  EXPECT_TRUE(filling_is_zero(out, tensor));

  std::vector<T> gradient = packed<T>(dy, tensor);
  cpu::lrn_backward(shape, in.data(), gradient.data(), gradient.data(), relu_input, scratch);
  reference::Tensor dx = reference::lrn_backward(k.spec, x, dy);
  if (relu_input) dx = reference::relu_backward(before, dx);
  expect_near(unpacked(gradient, tensor).v, dx.v, lrn_gradient_magnitude(k.spec, x, dy), factor, "dx");
  EXPECT_TRUE(filling_is_zero(gradient, tensor));
}

class Lrn : public ::testing::TestWithParam<Case> {};

TEST_P(Lrn, MatchesReferenceInEveryLayout) {
  for (const int block : {1, 8, 16, GetParam().channels}) {
    for (const bool relu_input : {false, true}) {
      check<float>(GetParam(), block, relu_input);
      check<Bf16>(GetParam(), block, relu_input);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Lrn, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Central differences of step h err by h^2 times the third derivative, which is of the order of 1 here.
TEST(LrnReference, MatchesFiniteDifferences) {
  for (const LrnSpec& spec : {LrnSpec{5, 2.0, 0.3, 0.75, false}, LrnSpec{4, 1.0, 0.9, 0.5, true}}) {
    TestRandom random(32);
    reference::Tensor x = random.tensor(2, 7, 2, 1);
    const reference::Tensor dy = random.tensor(2, 7, 2, 1);
    const auto loss = [&] { return reference::dot(reference::lrn(spec, x).v, dy.v); };
    EXPECT_LT(reference::gradient_error(loss, x.v, reference::lrn_backward(spec, x, dy).v, 1e-4), 1e-6);
  }
}

// What the paper prints, by hand: one channel of 2 with k = 2, alpha = 1, beta = 0.75 is 2 / 6^0.75.
TEST(LrnReference, MatchesTheFormulaByHand) {
  reference::Tensor x(1, 1, 1, 1);
  x.v[0] = 2.0;
  EXPECT_NEAR(reference::lrn({5, 2.0, 1.0, 0.75, false}, x).v[0], 0.52169, 1e-5);
  EXPECT_NEAR(reference::lrn({5, 2.0, 1.0, 0.75, true}, x).v[0], 2.0 / std::pow(2.8, 0.75), 1e-12);
}

}  // namespace
}  // namespace convoy
