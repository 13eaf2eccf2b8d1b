// kernels/softmax on a CPU against the double-precision reference, and the rank of a label.
#include "kernels/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/support/cases_softmax.h"

namespace convoy {
namespace {

template <typename T>
void check(const SoftmaxProblem& problem, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const int images = problem.images;
  const TensorShape tensor = shape_of(problem.scores, block);
  const SoftmaxShape shape{tensor.channels, tensor.image_elements()};
  const std::vector<T> z = packed<T>(problem.scores, tensor);
  std::vector<float> p(static_cast<std::size_t>(images) * static_cast<std::size_t>(shape.classes));
  cpu::softmax_forward(shape, images, z.data(), p.data());
  // Computed in double, rounded to float once.
  problem.expect_probabilities(p, images, 0x1.1p-24);
  std::vector<double> losses(static_cast<std::size_t>(images));
  cpu::softmax_losses(shape, z.data(), problem.labels, losses.data());
  problem.expect_mean_loss(std::accumulate(losses.begin(), losses.end(), 0.0) / images, 1e-12);
  std::vector<T> gradient(z.size(), from_float<T>(9.0F));
  cpu::softmax_backward(shape, tensor.images, p.data(), problem.labels,
                        static_cast<int>(problem.labels.size()), gradient.data());
  // p, the difference and the product round once each.
  problem.expect_gradient(gradient, tensor, 4 * 0x1p-24);
}

class Softmax : public ::testing::TestWithParam<SoftmaxCase> {};

TEST_P(Softmax, MatchesReference) {
  for (const double spread : kScoreSpreads) {
    SCOPED_TRACE("spread " + std::to_string(spread));
    const SoftmaxProblem problem(GetParam(), spread);
    for (const int block : {16, GetParam().classes}) {
      check<float>(problem, block);
      check<Bf16>(problem, block);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Softmax, ::testing::ValuesIn(kSoftmaxCases), case_name);

// Central differences with step h err by h^2 times the third derivative, which is below 1.
TEST(SoftmaxReference, MatchesFiniteDifferences) {
  TestRandom random(72);
  reference::Tensor scores = random.tensor(3, 7, 1, 1);
  const std::vector<std::int32_t> labels{6, 0};
  const auto loss = [&] { return reference::softmax_loss(scores, labels).mean; };
  const reference::Values gradient = reference::softmax_loss(scores, labels).gradient.v;
  EXPECT_LT(reference::gradient_error(loss, scores.v, gradient, 1e-4), 1e-7);
}

TEST(SoftmaxLoss, StaysFiniteWhereTheProbabilityUnderflows) {
  const std::vector<float> z{0.0F, 5000.0F};
  double loss = 0.0;
  cpu::softmax_losses<float>({2, 2}, z.data(), std::vector<std::int32_t>{0}, &loss);
  EXPECT_DOUBLE_EQ(loss, 5000.0);
}

TEST(SoftmaxLoss, ANanIsNotLost) {
  for (std::size_t at = 0; at < 3; ++at) {
    std::vector<float> z{1.0F, 2.0F, 3.0F};
    z[at] = std::nanf("");
    double loss = 0.0;
    cpu::softmax_losses<float>({3, 3}, z.data(), std::vector<std::int32_t>{1}, &loss);
    EXPECT_TRUE(std::isnan(loss)) << at;
  }
}

TEST(RankOfLabel, CountsWhatIsAheadAndTiesNeverHelp) {
  const std::vector<float> scores{0.1F, 0.4F, 0.4F, 0.05F, 0.05F};
  EXPECT_EQ(rank_of_label(scores, 1), 0);
  EXPECT_EQ(rank_of_label(scores, 2), 1);
  EXPECT_EQ(rank_of_label(scores, 0), 2);
  EXPECT_EQ(rank_of_label(scores, 3), 3);
  EXPECT_EQ(rank_of_label(scores, 4), 4);
  const std::vector<float> equal(10, 0.1F);
  EXPECT_EQ(rank_of_label(equal, 7), 7);
}

TEST(RankOfLabel, WhatIsNoNumberCountsAgainstTheLabel) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(rank_of_label(std::vector<float>{nan, nan, nan}, 0), 3);
  EXPECT_EQ(rank_of_label(std::vector<float>{0.5F, nan, 0.1F}, 0), 1);
}

}  // namespace
}  // namespace convoy
