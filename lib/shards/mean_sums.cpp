#include "lib/shards/mean_sums.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "lib/base/checked.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

// The number of images whose values' sum fits into 16 bits, so that each image moves little memory.
constexpr std::uint64_t kMaxRunning = std::numeric_limits<std::uint16_t>::max() / kMaxPixelValue;
// The number of pixels whose products' sum fits into 32 bits, signed.
constexpr std::size_t kTilePixels = 512;
static_assert(kTilePixels * kMaxPixelValue * kMaxPixelValue <= std::numeric_limits<std::int32_t>::max());

// sums[i] += the values at i of N images.
template <std::size_t N>
void add_values(std::span<const std::span<const std::uint8_t>> images, std::span<std::uint16_t> sums) {
  static_assert(N <= kMaxRunning);
  std::array<const std::uint8_t*, N> values{};
  for (std::size_t n = 0; n < N; ++n) values[n] = images[n].data();
  std::uint16_t* __restrict into = sums.data();
  const std::size_t count = sums.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::uint16_t together = into[i];
    for (std::size_t n = 0; n < N; ++n) together = static_cast<std::uint16_t>(together + values[n][i]);
    into[i] = together;
  }
}

// Sums of products over the pixels of an image: RR, RG, RB, GG, GB, BB.
using ColorProducts = std::array<std::uint64_t, 6>;

// Prefetches bytes [begin, end) of what will be read next into the second-level cache.
void fetch(std::span<const std::uint8_t> coming, std::size_t begin, std::size_t end) {
  constexpr std::size_t kLine = 64;
  constexpr int kSecondLevel = 2;
  for (std::size_t i = begin; i < std::min(end, coming.size()); i += kLine) {
    __builtin_prefetch(coming.data() + i, 0, kSecondLevel);
  }
}

// Works tile by tile, with the channels separated and 16 bits wide, for which processors have a multiply-add.
void add_color_products(std::span<const std::uint8_t> image, std::span<const std::uint8_t> coming,
                        ColorProducts& into) {
  std::array<std::int16_t, kTilePixels> r{};
  std::array<std::int16_t, kTilePixels> g{};
  std::array<std::int16_t, kTilePixels> b{};
  for (std::size_t begin = 0; begin < image.size(); begin += 3 * kTilePixels) {
    const std::size_t pixels = std::min(kTilePixels, (image.size() - begin) / 3);
    const std::uint8_t* rgb = image.data() + begin;
    fetch(coming, begin, begin + 3 * kTilePixels);
    for (std::size_t i = 0; i < pixels; ++i) {
      r[i] = rgb[3 * i];
      g[i] = rgb[3 * i + 1];
      b[i] = rgb[3 * i + 2];
    }
    std::array<std::int32_t, 6> tile{};
    for (std::size_t i = 0; i < pixels; ++i) {
      tile[0] += r[i] * r[i];
      tile[1] += r[i] * g[i];
      tile[2] += r[i] * b[i];
      tile[3] += g[i] * g[i];
      tile[4] += g[i] * b[i];
      tile[5] += b[i] * b[i];
    }
    for (std::size_t k = 0; k < tile.size(); ++k) into[k] += static_cast<std::uint64_t>(tile[k]);
  }
}

std::uint64_t sum_of_squares(std::span<const std::uint8_t> image, std::span<const std::uint8_t> coming) {
  std::uint64_t sum = 0;
  for (std::size_t begin = 0; begin < image.size(); begin += kTilePixels) {
    std::int32_t tile = 0;
    fetch(coming, begin, begin + kTilePixels);
    for (const std::uint8_t value : image.subspan(begin, std::min(kTilePixels, image.size() - begin))) {
      const auto wide = static_cast<std::int16_t>(value);
      tile += wide * wide;
    }
    sum += static_cast<std::uint64_t>(tile);
  }
  return sum;
}

void add_products(std::span<const std::uint8_t> image, std::span<const std::uint8_t> coming, int channels,
                  std::span<std::uint64_t> into) {
  if (channels == 1) {
    into[0] += sum_of_squares(image, coming);
    return;
  }
  ColorProducts products{};
  add_color_products(image, coming, products);
  constexpr std::array<std::size_t, 9> kIndex = {0, 1, 2, 1, 3, 4, 2, 4, 5};
  for (std::size_t k = 0; k < kIndex.size(); ++k) into[k] += products[kIndex[k]];
}

void check_count(std::uint64_t count, std::uint64_t more, std::uint64_t pixels, std::string_view place) {
  const auto images = checked_add(count, more);
  const auto summed = images ? checked_mul(*images, pixels) : std::nullopt;
  if (!summed || *summed > kMaxSummedPixels) {
    throw Error(place, "more than " + std::to_string(kMaxSummedPixels) + " pixels in all");
  }
}

}  // namespace

std::uint64_t ImageSums::pixels() const {
  return static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height);
}

std::uint64_t ImageSums::channel_sum(int c) const {
  const std::uint64_t size = pixels();
  std::uint64_t total = 0;
  for (const std::uint64_t value : std::span(sum).subspan(static_cast<std::size_t>(c) * size, size)) {
    total += value;
  }
  return total;
}

ImageSums empty_sums(int width, int height, int channels) {
  ImageSums sums{width, height, channels, 0, {}, {}};
  const auto planes = static_cast<std::size_t>(channels);
  sums.sum.resize(sums.pixels() * planes);
  sums.products.resize(planes * planes);
  return sums;
}

void add_sums(ImageSums& sums, const ImageSums& more, std::string_view place) {
  if (more.width != sums.width || more.height != sums.height || more.channels != sums.channels) {
    const auto text = [](const ImageSums& s) {
      return std::to_string(s.height) + "x" + std::to_string(s.width) + "x" + std::to_string(s.channels);
    };
    throw Error(place, "images of " + text(more) + " against " + text(sums));
  }
  check_count(sums.count, more.count, sums.pixels(), place);
  sums.count += more.count;
  for (std::size_t i = 0; i < sums.sum.size(); ++i) sums.sum[i] += more.sum[i];
  for (std::size_t i = 0; i < sums.products.size(); ++i) sums.products[i] += more.products[i];
}

ImageSummer::ImageSummer(int width, int height, int channels)
    : total_(empty_sums(width, height, channels)), running_(total_.sum.size()) {}

void ImageSummer::add(std::span<const std::span<const std::uint8_t>> images,
                      std::span<const std::span<const std::uint8_t>> coming) {
  check_count(total_.count + running_count_, images.size(), total_.pixels(), "images");
  for (std::size_t i = 0; i < images.size(); ++i) {
    if (images[i].size() != running_.size()) throw Error("images", "an image of another size");
    const auto next = i < coming.size() ? coming[i] : std::span<const std::uint8_t>();
    add_products(images[i], next, total_.channels, total_.products);
  }
  while (!images.empty()) {
    const std::size_t together = images.size() >= kTogether ? kTogether : 1;
    if (running_count_ + together > kMaxRunning) flush();
    if (together == kTogether) {
      add_values<kTogether>(images.first(together), running_);
    } else {
      add_values<1>(images.first(together), running_);
    }
    running_count_ += together;
    images = images.subspan(together);
  }
}

void ImageSummer::flush() {
  for (std::size_t i = 0; i < running_.size(); ++i) total_.sum[i] += running_[i];
  std::ranges::fill(running_, std::uint16_t{0});
  total_.count += running_count_;
  running_count_ = 0;
}

ImageSums ImageSummer::sums() const {
  ImageSums planar = total_;
  planar.count += running_count_;
  const std::size_t pixels = total_.pixels();
  const auto channels = static_cast<std::size_t>(total_.channels);
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t from = pixel * channels + c;
      planar.sum[c * pixels + pixel] = total_.sum[from] + running_[from];
    }
  }
  return planar;
}

}  // namespace convoy
