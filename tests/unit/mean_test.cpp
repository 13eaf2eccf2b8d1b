// lib/shards/mean: each mean rounded once, colour statistics, and the file that stores them.
#include "lib/shards/mean.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "lib/base/error.h"
#include "tests/support/pictures.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

__extension__ using SignedWide = __int128;

using test::Picture;
using test::random_pictures;
using test::sum_up;

// Whether f is the float nearest to a / b, or the even one of two that are equally near. Compares the error
// with half the distance to the next float, in integers.
bool is_rounded_once(float f, std::uint64_t a, std::uint64_t b) {
  if (a == 0) return f == 0.0F;
  int exponent = 0;
  const auto significand = static_cast<std::int64_t>(std::ldexp(std::frexp(f, &exponent), 24));  // 24 bits
  const int shift = 24 - exponent;  // f = significand / 2^shift
  if (shift < 0 || shift > 80 || significand < (1 << 23)) return false;
  const SignedWide error = (static_cast<SignedWide>(a) << shift) - static_cast<SignedWide>(significand) * b;
  const SignedWide twice = 2 * (error < 0 ? -error : error);
  const SignedWide step = b;  // one unit in the last place, times b
  // Below a power of two, floats are half as far apart.
  const bool at_power = significand == (1 << 23) && error < 0;
  if (at_power) return 2 * twice <= step;
  return twice < step || (twice == step && significand % 2 == 0);
}

TEST(RoundRatio, KnownValues) {
  EXPECT_EQ(round_ratio(0, 7), 0.0F);
  EXPECT_EQ(round_ratio(255, 1), 255.0F);
  EXPECT_EQ(round_ratio(1, 3), 1.0F / 3.0F);
  EXPECT_EQ(round_ratio(2, 3), 2.0F / 3.0F);
  // Ties: halfway between 1 and the next float, and between that one and the one after it.
  EXPECT_EQ(round_ratio((1U << 24) + 1, 1U << 24), 1.0F);
  EXPECT_EQ(round_ratio((1U << 24) + 3, 1U << 24), 1.0F + 0x1p-22F);
  // Slightly more than a tie: a double would first round it to the tie. Rounds up.
  const std::uint64_t large = std::uint64_t{1} << 60;
  EXPECT_EQ(round_ratio(large + (large >> 24) + 1, large), 1.0F + 0x1p-23F);
  EXPECT_EQ(static_cast<float>(static_cast<double>(large + (large >> 24) + 1) / static_cast<double>(large)),
            1.0F);
  // Rounding up to the next power of two.
  EXPECT_EQ(round_ratio((std::uint64_t{1} << 40) - 1, std::uint64_t{1} << 40), 1.0F);
  EXPECT_EQ(round_ratio(1, std::numeric_limits<std::uint64_t>::max()), 0x1p-64F);
}

TEST(RoundRatio, NearestForRandomRatios) {
  const unsigned seed = 1;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 200'000; ++round) {
    const std::uint64_t b = 1 + random() % (std::uint64_t{1} << (1 + random() % 40));
    const std::uint64_t a = random() % (255 * b + 1);
    ASSERT_TRUE(is_rounded_once(round_ratio(a, b), a, b)) << "seed " << seed << ": " << a << " / " << b;
    // Forced ties: an odd significand of 25 bits.
    const std::uint64_t tie = (std::uint64_t{1} << 24) | random() % (1U << 24) | 1;
    ASSERT_TRUE(is_rounded_once(round_ratio(tie, 1U << 20), tie, 1U << 20)) << "seed " << seed << ": " << tie;
  }
}

TEST(Statistics, MeansAreExactAndRoundedOnce) {
  const auto pictures = random_pictures(77, 16 * 9 * 3, 11);
  const ImageSums sums = sum_up(16, 9, 3, pictures);
  const MeanStatistics statistics = statistics_of(sums);
  const std::size_t pixels = 16 * 9;
  for (std::size_t c = 0; c < 3; ++c) {
    std::uint64_t total = 0;
    for (std::size_t p = 0; p < pixels; ++p) {
      std::uint64_t sum = 0;
      for (const Picture& picture : pictures) sum += picture[p * 3 + c];
      total += sum;
      ASSERT_TRUE(is_rounded_once(statistics.mean[c * pixels + p], sum, pictures.size())) << sum;
    }
    EXPECT_TRUE(is_rounded_once(statistics.channel_mean[c], total, pictures.size() * pixels));
  }
}

using Matrix = std::array<std::array<long double, 3>, 3>;

// Covariance in two passes: first the means, then the products of the differences.
Matrix covariance_in_two_passes(std::span<const Picture> pictures) {
  std::array<long double, 3> mean{};
  long double n = 0;
  for (const Picture& picture : pictures) {
    for (std::size_t i = 0; i < picture.size(); ++i) mean[i % 3] += picture[i];
    n += static_cast<long double>(picture.size()) / 3;
  }
  for (long double& value : mean) value /= n;
  Matrix matrix{};
  for (const Picture& picture : pictures) {
    for (std::size_t i = 0; i < picture.size(); i += 3) {
      for (std::size_t c = 0; c < 3; ++c) {
        for (std::size_t d = 0; d < 3; ++d) {
          matrix[c][d] += (picture[i + c] - mean[c]) * (picture[i + d] - mean[d]);
        }
      }
    }
  }
  for (auto& row : matrix) {
    for (long double& value : row) value /= n;
  }
  return matrix;
}

// The eigenvalues of a symmetric 3x3 matrix in descending order, by Jacobi rotations.
std::array<long double, 3> eigenvalues(Matrix a) {
  for (int sweep = 0; sweep < 60; ++sweep) {
    for (std::size_t p = 0; p < 2; ++p) {
      for (std::size_t q = p + 1; q < 3; ++q) {
        if (a[p][q] == 0) continue;
        const long double angle = std::atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2;
        const long double cosine = std::cos(angle);
        const long double sine = std::sin(angle);
        for (std::size_t k = 0; k < 3; ++k) {
          const long double kp = a[k][p];
          const long double kq = a[k][q];
          a[k][p] = cosine * kp - sine * kq;
          a[k][q] = sine * kp + cosine * kq;
        }
        for (std::size_t k = 0; k < 3; ++k) {
          const long double pk = a[p][k];
          const long double qk = a[q][k];
          a[p][k] = cosine * pk - sine * qk;
          a[q][k] = sine * pk + cosine * qk;
        }
      }
    }
  }
  std::array<long double, 3> values = {a[0][0], a[1][1], a[2][2]};
  std::ranges::sort(values, std::greater<>());
  return values;
}

TEST(Statistics, ColorsAgreeWithTwoPassesInLongDouble) {
  const auto pictures = random_pictures(40, 20 * 20 * 3, 13);
  const MeanStatistics statistics = statistics_of(sum_up(20, 20, 3, pictures));
  const Matrix matrix = covariance_in_two_passes(pictures);
  const auto values = eigenvalues(matrix);
  // The rounding to float32, 6e-8, and the 1e-6 that the manual promises.
  constexpr long double kTolerance = 1e-6L;
  for (std::size_t i = 0; i < 3; ++i) {
    const long double expected = std::sqrt(values[i]);
    EXPECT_NEAR(static_cast<double>(statistics.stddev[i] / expected), 1.0, static_cast<double>(kTolerance))
        << i;
    const float* v = &statistics.eigenvectors[3 * i];
    long double length = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      length += static_cast<long double>(v[c]) * v[c];
      long double product = 0;
      for (std::size_t d = 0; d < 3; ++d) product += matrix[c][d] * v[d];
      EXPECT_NEAR(static_cast<double>((product - values[i] * v[c]) / values[0]), 0.0,
                  static_cast<double>(kTolerance));
    }
    EXPECT_NEAR(static_cast<double>(length), 1.0, static_cast<double>(kTolerance));
    const float* largest =
        std::max_element(v, v + 3, [](float a, float b) { return std::abs(a) < std::abs(b); });
    EXPECT_GT(*largest, 0.0F);
  }
  EXPECT_GT(statistics.stddev[0], statistics.stddev[1]);
  EXPECT_GT(statistics.stddev[1], statistics.stddev[2]);
}

TEST(Statistics, OfOneColorAndOfGray) {
  const std::vector<Picture> red(5, Picture{200, 0, 10, 200, 0, 10});
  const MeanStatistics flat = statistics_of(sum_up(2, 1, 3, red));
  EXPECT_EQ(flat.channel_mean, (std::vector<float>{200, 0, 10}));
  EXPECT_EQ(flat.stddev, (std::vector<float>{0, 0, 0}));
  // 0 and 255: the standard deviation is half the distance.
  const std::vector<Picture> gray = {Picture{0}, Picture{255}};
  const MeanStatistics two = statistics_of(sum_up(1, 1, 1, gray));
  EXPECT_EQ(two.mean, (std::vector<float>{127.5F}));
  EXPECT_EQ(two.stddev, (std::vector<float>{127.5F}));
  EXPECT_EQ(two.eigenvectors, (std::vector<float>{1.0F}));
  EXPECT_EQ(mean_picture(sum_up(1, 1, 1, gray)).pixels, (Picture{128}));
}

class MeanFiles : public ::testing::Test {
 protected:
  std::string write(const ImageSums& sums) {
    std::string path = folder_ / "mean.safetensors";
    OutputFile out(path, OutputFile::Content::binary);
    write_mean_file(out, {sums, {}});
    out.commit();
    return path;
  }
  test::TemporaryFolder folder_;
};

TEST_F(MeanFiles, AreReadBackAndChecked) {
  const ImageSums sums = sum_up(6, 5, 3, random_pictures(9, 90, 17));
  const MeanFile file = read_mean_file(write(sums));
  EXPECT_EQ(file.sums, sums);
  EXPECT_EQ(file.preprocessing, Preprocessing{});

  ImageSums wrong = sums;
  wrong.sum[4] = 9 * 255 + 1;
  EXPECT_THROW(static_cast<void>(read_mean_file(write(wrong))), Error);
  wrong = sums;
  wrong.products[1] += 1;
  EXPECT_THROW(static_cast<void>(read_mean_file(write(wrong))), Error);
  wrong = sums;
  wrong.products[0] = std::uint64_t{9} * 30 * 255 * 255 + 1;
  EXPECT_THROW(static_cast<void>(read_mean_file(write(wrong))), Error);
  wrong = sums;
  wrong.count = kMaxSummedPixels / 30 + 1;
  EXPECT_THROW(static_cast<void>(read_mean_file(write(wrong))), Error);
}

}  // namespace
}  // namespace convoy
