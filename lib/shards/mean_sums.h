// Exact sums over images, from which the mean image and the colour statistics are computed. They are
// integers, so the result depends neither on the order of the images nor on how they are split over threads,
// runs or files.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace convoy {

// The most pixels that are summed up, count * width * height. A sum of products of two values, each at most
// 255, then fits into 64 bits, and each product of two sums into 128.
inline constexpr std::uint64_t kMaxSummedPixels = std::uint64_t{1} << 48;

inline constexpr std::uint64_t kMaxPixelValue = 255;

struct ImageSums {
  int width = 0;
  int height = 0;
  int channels = 0;                     // 1 or 3
  std::uint64_t count = 0;              // images
  std::vector<std::uint64_t> sum;       // [C, H, W]: of each value over the images
  std::vector<std::uint64_t> products;  // [C, C]: of value c times value d of a pixel, over all pixels

  [[nodiscard]] std::uint64_t pixels() const;            // of one image
  [[nodiscard]] std::uint64_t channel_sum(int c) const;  // over all pixels
  bool operator==(const ImageSums&) const = default;
};

// Sums of no images.
[[nodiscard]] ImageSums empty_sums(int width, int height, int channels);

// Adds `more` to `sums`. Throws Error(place, reason) if the sizes differ or kMaxSummedPixels is exceeded.
void add_sums(ImageSums& sums, const ImageSums& more, std::string_view place);

// Sums up images, fast. Use from one thread.
class ImageSummer {
 public:
  // How many images to add together. Each running sum is then loaded and stored once for all of them, while
  // the second-level cache still holds these images, the next ones and the running sums.
  static constexpr std::size_t kTogether = 2;

  ImageSummer(int width, int height, int channels);
  // images: height x width x channels bytes each (HWC). coming: the bytes to be read next, which are
  // prefetched meanwhile; may be empty. Throws Error if kMaxSummedPixels would be exceeded.
  void add(std::span<const std::span<const std::uint8_t>> images,
           std::span<const std::span<const std::uint8_t>> coming = {});
  [[nodiscard]] ImageSums sums() const;

 private:
  void flush();

  ImageSums total_;                     // of the images before the last flush; `sum` in [H, W, C]
  std::vector<std::uint16_t> running_;  // [H, W, C], of the images since
  std::uint64_t running_count_ = 0;
};

}  // namespace convoy
