// Colour noise: the shift by the formula of the paper, in both readings, and its distribution over many uses.
#include "lib/runs/color_noise.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "lib/base/philox.h"
#include "lib/runs/sampling.h"

namespace convoy {
namespace {

constexpr double kSigma = 0.1;

// Any orthonormal directions, and the deviations of ImageNet (AlexNet-Source-Code), the largest first.
const ColorStatistics kColorsOfImages{.eigenvectors = {2.0F / 3, 2.0F / 3, 1.0F / 3, -2.0F / 3, 1.0F / 3,
                                                       2.0F / 3, 1.0F / 3, -2.0F / 3, 2.0F / 3},
                                      .deviations = {121.78F, 37.09F, 19.72F}};

Crop noisy(double sigma, ColorNoiseScale scale, std::uint64_t seed, std::uint32_t epoch,
           std::uint64_t record) {
  Crop crop;
  add_color_noise({.sigma = sigma, .scale = scale}, kColorsOfImages, seed, epoch, record, crop);
  return crop;
}

// The normal draws of a use of a record, from the words of its stream: Box and Muller's formula.
std::array<long double, 3> normals(std::uint64_t seed, std::uint32_t epoch, std::uint64_t record) {
  const std::uint32_t what = (9U << 24) | static_cast<std::uint32_t>(record >> 32);
  const PhiloxBlock words =
      philox4x32({0, static_cast<std::uint32_t>(record), epoch, what}, static_cast<std::uint32_t>(seed),
                 static_cast<std::uint32_t>(seed >> 32));
  const auto radius = [](std::uint32_t word) {
    return std::sqrt(-2 * std::log((static_cast<long double>(word) + 1) / 4294967296.0L));
  };
  const auto turn = [](std::uint32_t word) {
    return 2 * std::numbers::pi_v<long double> * word / 4294967296.0L;
  };
  return {radius(words[0]) * std::cos(turn(words[1])), radius(words[0]) * std::sin(turn(words[1])),
          radius(words[2]) * std::cos(turn(words[3]))};
}

// lambda is given for each reading of the paper. Rounding to float is the largest error of a shift: half a
// unit in the last place of 24 bits, or of a term that others cancel.
void expect_formula(ColorNoiseScale scale, const std::array<double, 3>& lambda, float want_scale) {
  for (const std::uint64_t record : {std::uint64_t{0}, std::uint64_t{5}, (std::uint64_t{1} << 40) + 7}) {
    for (const std::uint32_t epoch : {0U, 1U, 89U}) {
      constexpr std::uint64_t kSeed = 0x1234567890;
      const Crop crop = noisy(kSigma, scale, kSeed, epoch, record);
      const auto draws = normals(kSeed, epoch, record);
      for (std::size_t c = 0; c < 3; ++c) {
        long double want = 0;
        long double largest = 0;
        for (std::size_t i = 0; i < 3; ++i) {
          const long double term = kColorsOfImages.eigenvectors[3 * i + c] * (kSigma * draws[i]) * lambda[i];
          want += term;
          largest = std::max(largest, std::abs(term));
        }
        EXPECT_NEAR(crop.color_shift[c], static_cast<double>(want), static_cast<double>(largest) * 0x1p-23)
            << "record " << record << ", epoch " << epoch << ", channel " << c;
      }
      EXPECT_EQ(crop.color_scale, want_scale);
      EXPECT_EQ(crop.top, 0);
      EXPECT_FALSE(crop.mirror);
    }
  }
}

TEST(ColorNoise, IsTheSourcesFormula) {
  expect_formula(ColorNoiseScale::deviations, {double{121.78F}, double{37.09F}, double{19.72F}},
                 static_cast<float>(1 / 1.1));
}

// Eigenvalues of pixels from 0 to 1, for pixels from 0 to 255: (d / 255)^2 * 255.
TEST(ColorNoise, IsThePapersFormulaForPixelsFromZeroToOne) {
  std::array<double, 3> lambda{};
  for (std::size_t i = 0; i < 3; ++i) lambda[i] = std::pow(kColorsOfImages.deviations[i] / 255.0, 2) * 255;
  expect_formula(ColorNoiseScale::eigenvalues, lambda, 1.0F);
  EXPECT_NEAR(lambda[0] / 255, 0.228, 0.001) << "fb.resnet.torch has 0.2175 for images of another size";
}

TEST(ColorNoise, IsNoneWithoutSigma) {
  for (const ColorNoiseScale scale : {ColorNoiseScale::deviations, ColorNoiseScale::eigenvalues}) {
    const Crop crop = noisy(0, scale, 1, 2, 3);
    EXPECT_EQ(crop.color_scale, 1.0F);
    for (const float shift : crop.color_shift) EXPECT_EQ(shift, 0.0F);
  }
}

TEST(ColorNoise, IsDrawnOnceForEachUseOfARecord) {
  std::set<std::array<float, 3>> shifts;
  const auto shift_of = [](const Crop& crop) {
    return std::array{crop.color_shift[0], crop.color_shift[1], crop.color_shift[2]};
  };
  std::size_t uses = 0;
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const std::uint32_t epoch : {0U, 1U, 2U}) {
      for (std::uint64_t record = 0; record < 50; ++record, ++uses) {
        const Crop crop = noisy(kSigma, ColorNoiseScale::deviations, seed, epoch, record);
        shifts.insert(shift_of(crop));
        // Half the deviation halves the same draws.
        const Crop half = noisy(kSigma / 2, ColorNoiseScale::deviations, seed, epoch, record);
        for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(half.color_shift[c] * 2, crop.color_shift[c]);
      }
    }
  }
  EXPECT_EQ(shifts.size(), uses) << "each seed, epoch and record has another one";
}

// Along direction i, shifts are normal with mean 0 and deviation sigma * lambda_i, and directions are
// independent. Of n draws z of N(0, 1), the mean has the deviation 1/sqrt(n), the mean of z^2 sqrt(2/n), the
// mean of a product of two sqrt(1/n), and the distance of Kolmogorov and Smirnov exceeds 2.3/sqrt(n) with
// probability 2 exp(-2 * 2.3^2) = 5e-5; 4.5 deviations are exceeded with 7e-6.
TEST(ColorNoise, HasTheCovarianceOfTheColours) {
  constexpr std::uint64_t kDraws = 40'000;
  constexpr std::uint64_t kSeed = 11;
  const double root = std::sqrt(double{kDraws});
  std::array<std::vector<double>, 3> along;
  for (std::uint64_t record = 0; record < kDraws; ++record) {
    const Crop crop = noisy(kSigma, ColorNoiseScale::deviations, kSeed, 0, record);
    for (std::size_t i = 0; i < 3; ++i) {
      double projection = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        projection += double{kColorsOfImages.eigenvectors[3 * i + c]} * crop.color_shift[c];
      }
      along[i].push_back(projection / (kSigma * kColorsOfImages.deviations[i]));
    }
  }
  const auto mean_product = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (std::size_t n = 0; n < kDraws; ++n) sum += along[i][n] * along[j][n];
    return sum / kDraws;
  };
  for (std::size_t i = 0; i < 3; ++i) {
    SCOPED_TRACE("direction " + std::to_string(i) + ", seed " + std::to_string(kSeed));
    double sum = 0;
    for (const double z : along[i]) sum += z;
    EXPECT_NEAR(sum / kDraws, 0, 4.5 / root);
    EXPECT_NEAR(mean_product(i, i), 1, 4.5 * std::sqrt(2.0) / root);
    EXPECT_NEAR(mean_product(i, (i + 1) % 3), 0, 4.5 / root);
  }
  for (std::vector<double>& z : along) {
    std::sort(z.begin(), z.end());
    double distance = 0;
    for (std::size_t n = 0; n < kDraws; ++n) {
      const double normal = 0.5 * std::erfc(-z[n] / std::numbers::sqrt2);
      distance = std::max(distance, std::abs(normal - (static_cast<double>(n) + 0.5) / kDraws));
    }
    EXPECT_LT(distance, 2.3 / root);
  }
}

TEST(ColorNoise, ComesWithTrainingSamplesAndLeavesTheirCropsAlone) {
  TrainingStream stream{
      .input = {.crop = {5, 5, 3}, .stored = {8, 8, 3}}, .seed = 3, .records = 7, .batch = 3};
  SampleSource plain = training_samples(stream, 0);
  stream.crop.color_noise.sigma = kSigma;
  stream.colors = kColorsOfImages;
  SampleSource whole = training_samples(stream, 0);
  for (std::uint64_t step = 0; step < 8; ++step) {
    const auto without = plain();
    const auto with = whole();
    const auto resumed = training_samples(stream, step)();
    for (std::size_t i = 0; i < with.size(); ++i) {
      const Crop& crop = with[i].crop;
      const Crop want = noisy(kSigma, ColorNoiseScale::deviations, 3, with[i].epoch, with[i].record);
      for (std::size_t c = 0; c < 3; ++c) {
        EXPECT_EQ(crop.color_shift[c], want.color_shift[c]);
        EXPECT_EQ(resumed[i].crop.color_shift[c], want.color_shift[c]) << "from the middle, too";
        EXPECT_EQ(without[i].crop.color_shift[c], 0.0F);
      }
      EXPECT_EQ(crop.color_scale, want.color_scale);
      EXPECT_EQ(without[i].crop.color_scale, 1.0F);
      EXPECT_EQ(crop.top, without[i].crop.top);
      EXPECT_EQ(crop.left, without[i].crop.left);
      EXPECT_EQ(crop.mirror, without[i].crop.mirror);
    }
  }
  for (const Sample& sample : evaluation_samples(stream.input, 0, 7, 7)()) {
    EXPECT_EQ(sample.crop.color_scale, 1.0F);
    for (const float shift : sample.crop.color_shift) EXPECT_EQ(shift, 0.0F);
  }
}

}  // namespace
}  // namespace convoy
