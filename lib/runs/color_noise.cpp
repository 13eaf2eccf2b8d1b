#include "lib/runs/color_noise.h"

#include <array>
#include <cstddef>

#include "lib/base/philox.h"

namespace convoy {
namespace {

constexpr double kWhite = 255.0;

}  // namespace

void add_color_noise(const ColorNoise& noise, const ColorStatistics& colors, std::uint64_t seed,
                     std::uint32_t epoch, std::uint64_t record, Crop& crop) {
  if (noise.sigma == 0.0) return;
  const PhiloxStream stream{.seed = seed, .epoch = epoch, .record = record, .purpose = Purpose::color};
  const PhiloxBlock random = stream.block(0);
  const NormalPair pair = normal_pair(random[0], random[1]);
  const std::array<double, kColors> draws = {pair.first, pair.second,
                                             normal_pair(random[2], random[3]).first};
  std::array<double, kColors> shift{};
  for (std::size_t i = 0; i < kColors; ++i) {
    const double deviation = colors.deviations[i];
    const double lambda =
        noise.scale == ColorNoiseScale::deviations ? deviation : deviation * deviation / kWhite;
    for (std::size_t c = 0; c < kColors; ++c) {
      shift[c] += colors.eigenvectors[i * kColors + c] * noise.sigma * draws[i] * lambda;
    }
  }
  for (std::size_t c = 0; c < kColors; ++c) crop.color_shift[c] = static_cast<float>(shift[c]);
  if (noise.scale == ColorNoiseScale::deviations) {
    crop.color_scale = static_cast<float>(1.0 / (1.0 + noise.sigma));
  }
}

}  // namespace convoy
