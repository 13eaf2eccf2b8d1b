// Classification errors are counted from probabilities.
#include "lib/runs/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "kernels/softmax.h"

namespace convoy {
namespace {

using Floats = std::vector<float>;

TEST(TopClasses, OrdersByScoreThenIndex) {
  EXPECT_EQ(top_classes(Floats{0.1F, 0.4F, 0.1F, 0.4F}, 3), (std::vector<std::int32_t>{1, 3, 0}));
  EXPECT_EQ(top_classes(Floats{0.5F, 0.5F}, 5), (std::vector<std::int32_t>{0, 1}));
  EXPECT_TRUE(top_classes(Floats{1.0F}, 0).empty());
}

TEST(TopClasses, AgreesWithTheRankOfALabel) {
  const unsigned seed = 20260721;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    Floats scores(12);
    for (float& score : scores) score = static_cast<float>(random() % 5);  // many ties
    const std::vector<std::int32_t> order = top_classes(scores, scores.size());
    for (std::size_t rank = 0; rank < order.size(); ++rank) {
      EXPECT_EQ(rank_of_label(scores, order[rank]), static_cast<int>(rank));
    }
  }
}

TEST(Metrics, CountTopOneTopFiveAndLoss) {
  Metrics metrics(7, true);
  // Ranks 0, 1, 4 and 5 of label 2.
  EXPECT_TRUE(metrics.add(Floats{0.1F, 0.1F, 0.4F, 0.1F, 0.1F, 0.1F, 0.1F}, 2));
  EXPECT_TRUE(metrics.add(Floats{0.1F, 0.1F, 0.2F, 0.3F, 0.1F, 0.1F, 0.1F}, 2));
  EXPECT_TRUE(metrics.add(Floats{0.2F, 0.2F, 0.1F, 0.2F, 0.2F, 0.05F, 0.05F}, 2));
  EXPECT_TRUE(metrics.add(Floats{0.2F, 0.2F, 0.05F, 0.2F, 0.15F, 0.1F, 0.1F}, 2));
  EXPECT_EQ(metrics.totals().images, 4U);
  EXPECT_EQ(metrics.totals().top1_error(), 0.75);
  EXPECT_EQ(metrics.totals().top5_error(), 0.25);
  const double expected =
      -(std::log(double{0.4F}) + std::log(double{0.2F}) + std::log(double{0.1F}) + std::log(double{0.05F}));
  EXPECT_DOUBLE_EQ(metrics.totals().loss(), expected / 4);
  EXPECT_EQ(metrics.confusion(), (Confusion{{{2, 0}, 2}, {{2, 2}, 1}, {{2, 3}, 1}}));
  EXPECT_EQ(metrics.per_class()[2], metrics.totals());
  EXPECT_EQ(metrics.per_class()[0], Totals{});
}

TEST(Metrics, MeansOverClassesLeaveOutThoseWithoutImages) {
  Metrics metrics(3, false);
  EXPECT_EQ(metrics.class_means().top1_error, 0.0) << "no class has images";
  // Class 0: three right. Class 1: one right, one wrong. Class 2: no images.
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(metrics.add(Floats{0.5F, 0.25F, 0.25F}, 0));
  EXPECT_TRUE(metrics.add(Floats{0.25F, 0.5F, 0.25F}, 1));
  EXPECT_TRUE(metrics.add(Floats{0.5F, 0.25F, 0.25F}, 1));
  EXPECT_EQ(metrics.totals().top1_error(), 0.2);
  EXPECT_EQ(metrics.class_means().top1_error, 0.25);
  EXPECT_EQ(metrics.class_means().top5_error, 0.0);
  EXPECT_DOUBLE_EQ(metrics.class_means().loss, (std::log(2) + (std::log(2) + std::log(4)) / 2) / 2);
}

TEST(Metrics, CountConfusionOnlyIfRequested) {
  Metrics metrics(2, false);
  EXPECT_TRUE(metrics.add(Floats{0.75F, 0.25F}, 1));
  EXPECT_TRUE(metrics.confusion().empty());
}

TEST(Metrics, CountConfusionOfAnyNumberOfClasses) {
  constexpr int kClasses = 1'000'000;  // a matrix of them would take 8 TB
  Metrics metrics(kClasses, true);
  Floats probabilities(kClasses);
  probabilities[123'456] = 1.0F;
  EXPECT_TRUE(metrics.add(probabilities, kClasses - 1));
  EXPECT_TRUE(metrics.add(probabilities, kClasses - 1));
  EXPECT_EQ(metrics.confusion(), (Confusion{{{kClasses - 1, 123'456}, 2}}));
}

TEST(Metrics, RefuseWhatIsNotANumber) {
  Metrics metrics(2, false);
  EXPECT_FALSE(metrics.add(Floats{std::nanf(""), 0.5F}, 1));
  EXPECT_FALSE(metrics.add(Floats{0.5F, std::numeric_limits<float>::infinity()}, 0));
  EXPECT_EQ(metrics.totals(), Totals{});
  EXPECT_TRUE(metrics.add(Floats{0.0F, 1.0F}, 0));
  EXPECT_TRUE(std::isfinite(metrics.totals().loss())) << "a probability of 0 costs much, not infinitely much";
}

TEST(Totals, OfNothingAreZero) {
  EXPECT_EQ(Totals{}.top1_error(), 0.0);
  EXPECT_EQ(Totals{}.loss(), 0.0);
}

}  // namespace
}  // namespace convoy
