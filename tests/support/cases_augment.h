// Cases of augment for the tests of every backend.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/augment.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct AugmentCase {
  const char* name;
  int channels, stored_height, stored_width, height, width;
};
inline constexpr AugmentCase kAugmentCases[] = {
    {"gray", 1, 9, 11, 7, 7},         {"colour", 3, 9, 11, 7, 7},     {"wide_gray", 1, 9, 43, 7, 39},
    {"wide_colour", 3, 9, 43, 7, 39}, {"narrow", 3, 12, 11, 9, 8},    {"two_channels", 2, 10, 9, 8, 9},
    {"larger", 3, 19, 21, 17, 18},    {"whole_image", 1, 7, 7, 7, 7}, {"whole_small_image", 1, 3, 2, 3, 2},
};

// Random images and a mean, crops in the corners and inside, and the expected results. The output has room
// for one more image than the batch has.
class AugmentProblem {
 public:
  explicit AugmentProblem(const AugmentCase& k) : shape_(k) {
    const int down = k.stored_height - k.height;
    const int across = k.stored_width - k.width;
    crops = {{0, 0, false, {0, 0, 0}},
             {0, 0, true, {0, 0, 0}},
             {down, across, false, {0.25F, -1.5F, 3.0F}, 0.5F},
             {down / 2, across - across / 3, true, {-2.0F, 0.5F, 0.125F}, 2.0F},
             {down, across / 2, false, {-2.0F, 0.5F, 0.125F}}};
    TestRandom random(91);
    const std::size_t stored = static_cast<std::size_t>(k.stored_height) * k.stored_width * k.channels;
    for (std::size_t n = 0; n < crops.size(); ++n) {
      std::vector<std::uint8_t>& image = images.emplace_back(stored);
      for (std::uint8_t& value : image) value = static_cast<std::uint8_t>(random.below(256));
    }
    // Multiples of 1/8, as the shifts are: every difference is exact, and the scales are powers of two.
    for (std::size_t i = 0; i < stored; ++i)
      mean_hwc.push_back(static_cast<float>(random.below(2048)) / 8.0F);
    for (int c = 0; c < k.channels; ++c) {
      for (std::size_t at = static_cast<std::size_t>(c); at < stored;
           at += static_cast<std::size_t>(k.channels)) {
        mean_chw.push_back(mean_hwc[at]);
      }
    }
    compute_crops();
  }
  // Without the layout of the output.
  [[nodiscard]] AugmentShape stored() const { return {shape_.stored_height, shape_.stored_width, {}}; }
  template <typename T>
  void expect(const std::vector<T>& y, const reference::Tensor& want, const TensorShape& shape) const {
    expect_near(unpacked(y, shape).v, want.v, reference::magnitudes(want.v),
                sizeof(T) == 4 ? 0.0 : kRounding<T>, "y");
    EXPECT_TRUE(padding_is_zero(y, shape));
  }

  std::vector<Crop> crops;
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<float> mean_hwc;
  std::vector<float> mean_chw;
  reference::Tensor cropped;  // the expected result; zero for the image that is missing

 private:
  void compute_crops() {
    const AugmentCase& k = shape_;
    cropped = reference::Tensor(static_cast<int>(images.size()) + 1, k.channels, k.height, k.width);
    for (std::size_t n = 0; n < images.size(); ++n) {
      const Crop& crop = crops[n];
      for (int c = 0; c < k.channels; ++c) {
        for (int h = 0; h < k.height; ++h) {
          for (int w = 0; w < k.width; ++w) {
            const int column = crop.left + (crop.mirror ? k.width - 1 - w : w);
            const auto at =
                static_cast<std::size_t>(((crop.top + h) * k.stored_width + column) * k.channels + c);
            cropped.at(static_cast<int>(n), c, h, w) =
                (double{images[n][at] * 1.0} - double{mean_hwc[at]} + double{crop.color_shift[c]}) *
                double{crop.color_scale};
          }
        }
      }
    }
  }
  AugmentCase shape_;
};

}  // namespace convoy
