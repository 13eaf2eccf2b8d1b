// kernels/sgd against the rule of the paper in double precision; and the draws of lib/net/init.
#include "kernels/sgd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/net/init.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

TEST(Sgd, FollowsThePaper) {
  for (const std::size_t count : {std::size_t{1}, std::size_t{17}, std::size_t{1009}}) {
    TestRandom random(81);
    reference::Values w = random.values(count);
    reference::Values v = random.values(count);
    const reference::Values g = random.values(count);
    std::vector<float> fw = floats(w);
    std::vector<float> fv = floats(v);
    const std::vector<float> fg = floats(g);
    const double rate = 0.01;
    const SgdCoefficients k{0.9F, static_cast<float>(0.0005 * rate), static_cast<float>(rate)};
    const int steps = 3;
    for (int step = 0; step < steps; ++step) {
      cpu::sgd_update(k, static_cast<std::int64_t>(count), fw.data(), fv.data(), fg.data());
      for (std::size_t i = 0; i < count; ++i) {
        v[i] = 0.9 * v[i] - 0.0005 * rate * w[i] - rate * g[i];
        w[i] += v[i];
      }
    }
    // Each step rounds three coefficients, three products and three sums of numbers of at most 4 in
    // magnitude; the errors of earlier steps come along.
    const double bound = steps * steps * 9 * 4 * 0x1p-24;
    for (std::size_t i = 0; i < count; ++i) {
      EXPECT_NEAR(fv[i], v[i], bound);
      EXPECT_NEAR(fw[i], w[i], bound);
    }
  }
}

TEST(Sgd, TheDecayIsInTheMomentum) {
  // Without a gradient: v = -decay * w at first, and momentum carries it on.
  float w = 1.0F;
  float v = 0.0F;
  const float g = 0.0F;
  cpu::sgd_update({0.5F, 0.25F, 1.0F}, 1, &w, &v, &g);
  EXPECT_EQ(v, -0.25F);
  EXPECT_EQ(w, 0.75F);
  cpu::sgd_update({0.5F, 0.25F, 1.0F}, 1, &w, &v, &g);
  EXPECT_EQ(v, -0.3125F);
  EXPECT_EQ(w, 0.4375F);
}

ParameterInfo normal_parameter(std::uint64_t elements, double deviation) {
  ParameterInfo info;
  info.name = "fc.weight";
  info.shape = {elements};
  info.init = deviation;
  return info;
}

TEST(DrawParameter, IsNormalWithTheDeviationGiven) {
  const std::size_t n = 1 << 18;
  std::vector<float> values(n);
  draw_parameter(normal_parameter(n, 0.01), 4, 9, values);
  double sum = 0.0;
  double squares = 0.0;
  double fourth = 0.0;
  for (const float value : values) {
    const double x = value / 0.01;
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  // Five standard deviations of each estimate: 1, 2 and 96 are the variances of x, x^2 and x^4.
  const double root = std::sqrt(static_cast<double>(n));
  EXPECT_NEAR(sum / n, 0.0, 5.0 / root);
  EXPECT_NEAR(squares / n, 1.0, 5.0 * std::sqrt(2.0) / root);
  EXPECT_NEAR(fourth / n, 3.0, 5.0 * std::sqrt(96.0) / root);
}

TEST(DrawParameter, DependsOnSeedIndexAndPlaceAlone) {
  std::vector<float> a(1001);
  std::vector<float> b(1001);
  std::vector<float> shorter(10);
  draw_parameter(normal_parameter(1001, 1.0), 4, 9, a);
  draw_parameter(normal_parameter(10, 1.0), 4, 9, shorter);
  EXPECT_EQ(std::vector<float>(a.begin(), a.begin() + 10), shorter);
  draw_parameter(normal_parameter(1001, 1.0), 5, 9, b);
  EXPECT_NE(a, b);
  draw_parameter(normal_parameter(1001, 1.0), 4, 10, b);
  EXPECT_NE(a, b);
  const PhiloxStream stream{.seed = 9, .epoch = 0, .record = 4, .purpose = Purpose::init, .layer = 0};
  const NormalPair last = normal_pair(stream.word(1000), stream.word(1001));
  EXPECT_EQ(a[1000], static_cast<float>(last.first));
}

TEST(DrawParameter, FillsWithTheConstantWhereThereIsNoDeviation) {
  ParameterInfo info = normal_parameter(5, 0.0);
  info.constant = 1.0;
  std::vector<float> values(5);
  draw_parameter(info, 0, 1, values);
  EXPECT_EQ(values, std::vector<float>(5, 1.0F));
}

}  // namespace
}  // namespace convoy
