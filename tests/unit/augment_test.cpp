// kernels/augment: crop, reflection, mean and colour shift, element by element.
#include "kernels/augment.h"

#include <gtest/gtest.h>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

struct Input {
  std::vector<std::vector<std::uint8_t>> images;
  std::vector<const std::uint8_t*> views;
  std::vector<float> mean;
};

Input random_input(int images, int height, int width, int channels) {
  TestRandom random(91);
  Input in;
  const std::size_t each = static_cast<std::size_t>(height) * width * channels;
  for (int n = 0; n < images; ++n) {
    std::vector<std::uint8_t> image(each);
    for (std::uint8_t& value : image) value = static_cast<std::uint8_t>(random.below(256));
    in.images.push_back(std::move(image));
  }
  for (const auto& image : in.images) in.views.push_back(image.data());
  // Multiples of 1/8: every difference is exact.
  for (std::size_t i = 0; i < each; ++i) in.mean.push_back(static_cast<float>(random.below(2048)) / 8.0F);
  return in;
}

template <typename T>
void check(int channels, int block, int width) {
  const int stored_height = 9;
  const int stored_width = width + 4;
  const Input in = random_input(4, stored_height, stored_width, channels);
  const std::vector<Crop> crops{{0, 0, false, {0, 0, 0}},
                                {0, 0, true, {0, 0, 0}},
                                {2, 4, false, {0.25F, -1.5F, 3.0F}},
                                {1, 3, true, {-2.0F, 0.5F, 0.125F}}};
  // Room for one image more than there is.
  const AugmentShape shape{stored_height, stored_width, {5, channels, 7, width, block}};
  std::vector<T> y(static_cast<std::size_t>(shape.out.elements()), from_float<T>(5.0F));
  cpu::augment(shape, in.views, crops, in.mean.data(), y.data());

  reference::Tensor want(5, channels, 7, width);
  for (int n = 0; n < 4; ++n) {
    const Crop& crop = crops[static_cast<std::size_t>(n)];
    for (int c = 0; c < channels; ++c) {
      for (int h = 0; h < 7; ++h) {
        for (int w = 0; w < width; ++w) {
          const int row = crop.top + h;
          const int column = crop.left + (crop.mirror ? width - 1 - w : w);
          const std::int64_t pixel = std::int64_t{row} * stored_width + column;
          want.at(n, c, h, w) =
              static_cast<double>(
                  in.images[static_cast<std::size_t>(n)][static_cast<std::size_t>(pixel * channels + c)]) -
              in.mean[static_cast<std::size_t>(std::int64_t{c} * stored_height * stored_width + pixel)] +
              crop.color_shift[c];
        }
      }
    }
  }
  expect_near(unpacked(y, shape.out).v, want.v, reference::magnitudes(want.v),
              sizeof(T) == 4 ? 0.0 : kRounding<T>, "y");
  EXPECT_TRUE(filling_is_zero(y, shape.out));
}

TEST(Augment, IsExactInEveryLayout) {
  for (const int channels : {1, 3}) {
    for (const int block : {1, 4, 8, 16, channels}) {
      for (const int width : {7, 39}) {
        SCOPED_TRACE(std::to_string(channels) + " channels, block " + std::to_string(block) + ", width " +
                     std::to_string(width));
        check<float>(channels, block, width);
        check<Bf16>(channels, block, width);
      }
    }
  }
}

TEST(Augment, TakesTheWholeImage) {
  const Input in = random_input(1, 3, 2, 1);
  const std::vector<float> mean(6, 0.0F);
  const AugmentShape shape{3, 2, {1, 1, 3, 2, 1}};
  std::vector<float> y(6);
  cpu::augment(shape, in.views, std::vector<Crop>(1), mean.data(), y.data());
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(y[i], in.images[0][i]);
}

}  // namespace
}  // namespace convoy
