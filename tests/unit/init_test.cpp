// The initial values that lib/net/init draws.
#include "lib/net/init.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lib/base/philox.h"

namespace convoy {
namespace {

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
