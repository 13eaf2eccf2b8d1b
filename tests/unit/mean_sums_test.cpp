// lib/shards/mean_sums: exact sums, for any order and splitting of the images.
#include "lib/shards/mean_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "lib/base/error.h"
#include "lib/shards/mean.h"
#include "tests/support/pictures.h"

namespace convoy {
namespace {

using test::Picture;
using test::random_pictures;
using test::sum_up;

TEST(ImageSums, AreThoseOfPlainAddition) {
  struct Size {
    int width;
    int height;
    int channels;
    std::size_t count;
  };
  // Counts around the number of images added together, pixels around the size of a tile.
  for (const Size size :
       {Size{1, 1, 1, 1}, Size{1, 1, 3, 7}, Size{5, 3, 3, 8}, Size{28, 28, 1, 17}, Size{512, 1, 3, 9},
        Size{33, 31, 3, 16}, Size{40, 40, 3, 100}, Size{7, 5, 3, 257}, Size{7, 5, 3, 771}}) {
    const std::size_t pixels = static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
    const auto channels = static_cast<std::size_t>(size.channels);
    const auto pictures = random_pictures(size.count, pixels * channels, 3);
    ImageSums expected = empty_sums(size.width, size.height, size.channels);
    expected.count = size.count;
    for (const Picture& picture : pictures) {
      for (std::size_t p = 0; p < pixels; ++p) {
        for (std::size_t c = 0; c < channels; ++c) {
          const std::uint64_t value = picture[p * channels + c];
          expected.sum[c * pixels + p] += value;
          for (std::size_t d = 0; d < channels; ++d) {
            expected.products[c * channels + d] += value * picture[p * channels + d];
          }
        }
      }
    }
    EXPECT_EQ(sum_up(size.width, size.height, size.channels, pictures), expected)
        << size.width << "x" << size.height << "x" << size.channels << ", " << size.count;
  }
}

TEST(ImageSums, DoNotDependOnOrderAndSplitting) {
  const unsigned seed = 5;
  std::mt19937 random(seed);
  auto pictures = random_pictures(61, 12 * 11 * 3, seed);
  const ImageSums all = sum_up(12, 11, 3, pictures);
  for (int round = 0; round < 30; ++round) {
    std::ranges::shuffle(pictures, random);
    const std::size_t first = random() % (pictures.size() + 1);
    const std::size_t second = first + random() % (pictures.size() - first + 1);
    const std::span<const Picture> view(pictures);
    std::array<ImageSums, 3> parts = {sum_up(12, 11, 3, view.first(first)),
                                      sum_up(12, 11, 3, view.subspan(first, second - first)),
                                      sum_up(12, 11, 3, view.subspan(second))};
    std::ranges::shuffle(parts, random);
    ImageSums merged = parts[0];
    add_sums(merged, parts[1], "b");
    add_sums(merged, parts[2], "c");
    ASSERT_EQ(merged, all) << "seed " << seed << ", round " << round;
  }
}

// More images than 32 bits can sum up: the running sums are flushed in time.
TEST(ImageSums, OfManyWhiteImages) {
  constexpr std::uint64_t kCount = (std::uint64_t{1} << 24) + 70'001;  // over 2^32 / 255
  const Picture white = {255};
  const std::vector<std::span<const std::uint8_t>> block(4096, std::span<const std::uint8_t>(white));
  ImageSummer summer(1, 1, 1);
  for (std::uint64_t done = 0; done < kCount;) {
    const std::uint64_t now = std::min<std::uint64_t>(block.size(), kCount - done);
    summer.add(std::span(block).first(now));
    done += now;
  }
  const ImageSums sums = summer.sums();
  EXPECT_EQ(sums.count, kCount);
  EXPECT_EQ(sums.sum[0], kCount * 255);
  EXPECT_EQ(sums.products[0], kCount * 255 * 255);
  EXPECT_EQ(statistics_of(sums).mean[0], 255.0F);
  EXPECT_EQ(statistics_of(sums).stddev[0], 0.0F);
}

TEST(ImageSums, RefuseWhatDoesNotFit) {
  ImageSums sums = empty_sums(4, 4, 3);
  EXPECT_THROW(add_sums(sums, empty_sums(4, 4, 1), "x"), Error);
  EXPECT_THROW(add_sums(sums, empty_sums(4, 5, 3), "x"), Error);
  ImageSums many = empty_sums(4, 4, 3);
  many.count = kMaxSummedPixels / 16;
  add_sums(sums, many, "x");
  many.count = 1;
  EXPECT_THROW(add_sums(sums, many, "x"), Error);
  many.count = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THROW(add_sums(sums, many, "x"), Error);
}

}  // namespace
}  // namespace convoy
