// kernels/softmax against the double-precision reference, and the rank of a label.
#include "kernels/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "lib/net/compiled_net.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

template <typename T>
void check(int capacity, int images, int classes, int block, double spread) {
  TestRandom random(71);
  reference::Tensor scores = random.tensor(capacity, classes, 1, 1);
  for (double& value : scores.v) value *= spread;  // a power of two: exact in T
  std::vector<std::int32_t> labels;
  labels.reserve(static_cast<std::size_t>(images));
  for (int n = 0; n < images; ++n) labels.push_back(random.below(classes));
  const TensorShape tensor = shape_of(scores, block);
  const SoftmaxShape shape{classes, tensor.image_elements()};
  const std::vector<T> z = packed<T>(scores, tensor);
  const reference::Loss want = reference::softmax_loss(scores, labels);

  std::vector<float> p(static_cast<std::size_t>(images) * classes);
  cpu::softmax_forward(shape, images, z.data(), p.data());
  std::vector<double> losses(static_cast<std::size_t>(images));
  cpu::softmax_losses(shape, z.data(), labels, losses.data());
  double loss = 0.0;
  for (int n = 0; n < images; ++n) {
    loss += losses[static_cast<std::size_t>(n)] / images;
    for (int c = 0; c < classes; ++c) {
      // Computed in double, rounded to float once; below 2^-126 the steps are absolute.
      const double exact = want.probabilities.at(n, c, 0, 0);
      EXPECT_NEAR(p[static_cast<std::size_t>(n) * classes + c], exact, exact * 0x1.1p-24 + 0x1p-149);
    }
  }
  EXPECT_NEAR(loss, want.mean, 1e-12 * (1.0 + want.mean));

  std::vector<T> gradient(z.size(), from_float<T>(9.0F));
  cpu::softmax_backward(shape, capacity, p.data(), labels, gradient.data());
  // p, the difference and the product round once each, and the result to T.
  const double factor = 4 * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
  expect_near(unpacked(gradient, tensor).v, want.gradient.v, reference::Values(z.size(), 1.0 / images),
              factor, "gradient");
  EXPECT_TRUE(filling_is_zero(gradient, tensor));
}

TEST(Softmax, MatchesReference) {
  for (const double spread : {1.0, 8.0, 128.0}) {
    check<float>(4, 4, 10, 10, spread);
    check<float>(5, 3, 1000, 1000, spread);
    check<float>(1, 1, 2, 16, spread);
    check<float>(3, 2, 17, 16, spread);
    check<Bf16>(4, 3, 10, 16, spread);
  }
}

// The gradient is that of the loss: a step h is off by h^2 times the third derivative, below 1.
TEST(SoftmaxReference, MatchesFiniteDifferences) {
  TestRandom random(72);
  reference::Tensor scores = random.tensor(3, 7, 1, 1);
  const std::vector<std::int32_t> labels{6, 0};
  const auto loss = [&] { return reference::softmax_loss(scores, labels).mean; };
  const reference::Values gradient = reference::softmax_loss(scores, labels).gradient.v;
  EXPECT_LT(reference::gradient_error(loss, scores.v, gradient, 1e-4), 1e-7);
}

TEST(Softmax, LossStaysFiniteWhereTheProbabilityUnderflows) {
  const std::vector<float> z{0.0F, 5000.0F};
  double loss = 0.0;
  cpu::softmax_losses<float>({2, 2}, z.data(), std::vector<std::int32_t>{0}, &loss);
  EXPECT_DOUBLE_EQ(loss, 5000.0);
}

TEST(Softmax, ANanIsNotLost) {
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
