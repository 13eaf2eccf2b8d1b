// Raw images and their sums, for the tests of lib/shards/mean*.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "lib/shards/mean_sums.h"

namespace convoy::test {

using Picture = std::vector<std::uint8_t>;  // HWC

[[nodiscard]] inline std::vector<Picture> random_pictures(std::size_t count, std::size_t bytes,
                                                          unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Picture> pictures(count, Picture(bytes));
  for (Picture& picture : pictures) {
    // Correlated colours, as in photographs, so that the covariance has a main direction.
    for (std::size_t i = 0; i < bytes; ++i) {
      const std::size_t common = i % 3 == 0 ? random() % 200 : picture[i - 1];
      const std::size_t own = random() % (20 + 17 * (i % 3));
      picture[i] = static_cast<std::uint8_t>(std::min<std::size_t>(common + own, 255));
    }
  }
  return pictures;
}

[[nodiscard]] inline ImageSums sum_up(int width, int height, int channels,
                                      std::span<const Picture> pictures) {
  ImageSummer summer(width, height, channels);
  const std::vector<std::span<const std::uint8_t>> spans(pictures.begin(), pictures.end());
  summer.add(spans);
  return summer.sums();
}

}  // namespace convoy::test
