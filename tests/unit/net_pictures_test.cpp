// Pictures of filters, nets and means.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "lib/base/file.h"
#include "lib/pictures/filters.h"
#include "lib/pictures/mean_picture.h"
#include "lib/pictures/net_picture.h"
#include "tests/support/drawings.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::all_of;
using test::boxes_of;
using test::error_of;
using test::expect_tidy;
using test::kOddNames;
using test::kWidths;
using test::label_with;
using test::labels_of;
using test::Pictures;
using test::pixel;
using test::png_of;

// --- filters

struct OwnKernels {
  std::vector<float> values;
  Kernels kernels;
};
OwnKernels make_kernels(std::uint64_t filters, std::uint64_t channels, std::uint64_t side, bool rgb,
                        std::uint64_t seed) {
  OwnKernels own;
  std::mt19937_64 random(seed);
  for (std::uint64_t i = 0; i < filters * channels * side * side; ++i) {
    own.values.push_back(std::uniform_real_distribution(-0.5F, 0.5F)(random));
  }
  own.kernels = {.layer = "conv1",
                 .filters = filters,
                 .channels = channels,
                 .height = side,
                 .width = side,
                 .rgb = rgb,
                 .values = own.values};
  return own;
}

TEST_F(Pictures, AWeightIsGrayAtZeroAndFullAtTheLargest) {
  EXPECT_EQ(level_of(0.25F, 0.25F), 255);
  EXPECT_EQ(level_of(-0.25F, 0.25F), 0);
  EXPECT_EQ(level_of(0, 0.25F), 128);
  EXPECT_EQ(level_of(0.125F, 0.25F), 191);  // 127.5 + 63.75
  EXPECT_EQ(level_of(0, 0), 128);
}

TEST_F(Pictures, EachFilterOfAFirstLayerIsAColourImageInItsCell) {
  const OwnKernels own = make_kernels(96, 3, 11, true, 1);
  float largest = 0;
  for (const float value : own.values) largest = std::max(largest, std::abs(value));
  const Drawing drawing = draw_filters(own.kernels, {}, page_, fonts_);
  const Image image = png_of(drawing, fonts_);
  const Rect grid = all_of<Raster>(drawing).at(0).at;
  // 16 columns, as in the paper: 16 * (11 z + 2) - 2 pixels.
  const auto zoom = static_cast<std::uint64_t>(std::lround((grid.width + 2) / 16 - 2)) / 11;
  ASSERT_GE(zoom, 4U);
  ASSERT_EQ(grid.width, static_cast<double>(16 * (11 * zoom + 2) - 2));
  ASSERT_EQ(grid.height, static_cast<double>(6 * (11 * zoom + 2) - 2));
  for (const std::uint64_t filter : {0U, 1U, 17U, 95U}) {
    for (const std::uint64_t y : {0U, 5U, 10U}) {
      for (const std::uint64_t x : {0U, 3U, 10U}) {
        const double left = grid.x + static_cast<double>(filter % 16 * (11 * zoom + 2) + x * zoom);
        const double top = grid.y + static_cast<double>(filter / 16 * (11 * zoom + 2) + y * zoom);
        const auto weight = [&](std::uint64_t channel) {
          const double value = static_cast<double>(own.values[((filter * 3 + channel) * 11 + y) * 11 + x]);
          return static_cast<std::uint8_t>(std::lround(127.5 + 127.5 * value / static_cast<double>(largest)));
        };
        const Color expected{weight(0), weight(1), weight(2)};
        EXPECT_EQ(pixel(image, left, top), expected) << filter;
        EXPECT_EQ(pixel(image, left + static_cast<double>(zoom) - 1, top + static_cast<double>(zoom) - 1),
                  expected)
            << filter;
      }
    }
  }
  // The gap between the first two.
  EXPECT_EQ(pixel(image, grid.x + static_cast<double>(11 * zoom) + 1, grid.y), kWhite);
}

TEST_F(Pictures, OtherFiltersHaveAPlaneForEachChannel) {
  const OwnKernels own = make_kernels(4, 5, 3, false, 2);
  const Drawing drawing = draw_filters(own.kernels, {.columns = 1}, page_, fonts_);
  const Raster grid = all_of<Raster>(drawing).at(0);
  const auto zoom = (static_cast<std::uint64_t>(grid.at.width) + 1) / 5 / 3;
  float largest = 0;
  for (const float value : own.values) largest = std::max(largest, std::abs(value));
  for (std::uint64_t filter = 0; filter < 4; ++filter) {
    for (std::uint64_t channel = 0; channel < 5; ++channel) {
      const auto x = static_cast<double>(channel * (3 * zoom + 1));
      const auto y = static_cast<double>(filter * (3 * zoom + 7));
      const std::uint8_t level = level_of(own.values[(filter * 5 + channel) * 9], largest);
      EXPECT_EQ(pixel(grid.image, x, y), (Color{level, level, level})) << filter << " " << channel;
    }
  }
}

TEST_F(Pictures, FiltersCanBeScaledOneByOne) {
  OwnKernels own = make_kernels(2, 1, 2, false, 3);
  own.values = {0.5F, 0, 0, 0, 0.001F, 0, 0, 0};
  own.kernels.values = own.values;
  const auto second = [&](bool each) {
    const Drawing drawing = draw_filters(own.kernels, {.columns = 1, .each = each}, page_, fonts_);
    const Raster grid = all_of<Raster>(drawing).at(0);
    return pixel(grid.image, 0, (grid.at.height + 2) / 2).red;
  };
  EXPECT_EQ(second(false), 128);
  EXPECT_EQ(second(true), 255);
}

TEST_F(Pictures, FiltersOfAnyShapeFitOnTheirPage) {
  for (const double width : kWidths) {
    page_.width = width;
    for (const auto& [filters, channels, side, rgb] :
         {std::tuple(96, 3, 11, true), std::tuple(1, 1, 1, false), std::tuple(64, 32, 3, false),
          std::tuple(7, 256, 5, false), std::tuple(10, 1, 28, false), std::tuple(300, 3, 2, true)}) {
      const OwnKernels own =
          make_kernels(static_cast<std::uint64_t>(filters), static_cast<std::uint64_t>(channels),
                       static_cast<std::uint64_t>(side), rgb, 4);
      for (const bool planes : {false, true}) {
        expect_tidy(draw_filters(own.kernels, {.planes = planes}, page_, fonts_),
                    std::to_string(filters) + " filters at " + std::to_string(width));
      }
    }
  }
}

TEST_F(Pictures, FiltersThatNoPictureHoldsAreRefusedBeforeTheyAreDrawn) {
  Kernels kernels{
      .layer = "fc6", .filters = 4096, .channels = 4096, .height = 6, .width = 6, .rgb = false, .values = {}};
  EXPECT_NE(error_of([&] { (void)draw_filters(kernels, {}, page_, fonts_); }).find("--first=N"),
            std::string::npos);
}

// --- nets and means

TEST_F(Pictures, BarsOfANetAreAsLongAsItsFigures) {
  const NetSpec net = parse_net("input 8x8x3\nconv c1 4 3x3\nrelu\nfc f1 10\nsoftmax\n", "net");
  const Drawing drawing = draw_net(net, "small", page_, fonts_);
  // In the order of rows: the input's values; values, parameters and multiply-adds of each layer.
  const std::vector<Rect> bars = boxes_of(drawing, kBar);
  const double values[] = {192, 144, 112, 144.0 * 27, 144, 10, 1450, 1440, 10};  // NOLINT: plain array
  ASSERT_EQ(bars.size(), std::size(values));
  const auto scale = [&](std::size_t greatest) { return bars[greatest].width / values[greatest]; };
  const double of_values = scale(0);
  const double of_parameters = scale(6);
  const double of_products = scale(3);
  for (const std::size_t i : {1U, 4U, 5U, 8U})
    EXPECT_NEAR(bars[i].width, std::max(1.0, values[i] * of_values), 1e-6) << i;
  EXPECT_NEAR(bars[2].width, values[2] * of_parameters, 1e-6);
  EXPECT_NEAR(bars[7].width, values[7] * of_products, 1e-6);
  const auto labels = labels_of(drawing);
  EXPECT_NE(label_with(labels, "conv 3x3"), nullptr);
  EXPECT_NE(label_with(labels, "6x6x4"), nullptr);
  EXPECT_NE(label_with(labels, "1.45 k"), nullptr);
}

TEST_F(Pictures, NetsAreTidy) {
  std::string text = "input 224x224x3 from=256x256\n";
  for (int i = 0; i < 60; ++i)
    text += "conv a-layer-with-a-name-that-is-rather-long-" + std::to_string(i) +
            " 64 3x3 pad=1 groups=1\nrelu\n";
  text += "maxpool 32x32 stride=32\nfc f 1000\ndropout 0.5\nsoftmax\n";
  for (const double width : kWidths) {
    page_.width = width;
    expect_tidy(draw_net(parse_net(text, "net"), kOddNames[2], page_, fonts_),
                "net at " + std::to_string(width));
    expect_tidy(draw_net(parse_net("input 1x1x1\nfc f 2\nsoftmax\n", "net"), "", page_, fonts_),
                "least net at " + std::to_string(width));
  }
}

TEST_F(Pictures, TheMeanIsDrawnAsItIsAndStretched) {
  MeanToDraw mean{.width = 2, .height = 1, .channels = 3, .values = {100, 110, 120, 130, 140, 150}};
  const Drawing drawing = draw_mean(mean, page_, fonts_);
  const auto panels = all_of<Raster>(drawing);
  ASSERT_EQ(panels.size(), 2U);
  EXPECT_EQ(pixel(panels[0].image, 0, 0), (Color{100, 120, 140}));
  EXPECT_EQ(pixel(panels[1].image, 0, 0), (Color{0, 102, 204}));
  EXPECT_EQ(pixel(panels[1].image, 1, 0), (Color{51, 153, 255}));
  const Image png = png_of(drawing, fonts_);
  EXPECT_EQ(pixel(png, panels[0].at.x, panels[0].at.y), (Color{100, 120, 140}));
  EXPECT_EQ(pixel(png, panels[0].at.right() - 1, panels[0].at.y), (Color{110, 130, 150}));
}

TEST_F(Pictures, MeansOfAnySizeAreTidy) {
  for (const double width : kWidths) {
    page_.width = width;
    for (const auto& [w, h, c] : {std::tuple(1, 1, 1), std::tuple(28, 28, 1), std::tuple(256, 256, 3),
                                  std::tuple(700, 20, 3), std::tuple(3, 900, 3)}) {
      const auto count = static_cast<std::size_t>(w * h * c);
      MeanToDraw mean{.width = w,
                      .height = h,
                      .channels = c,
                      .values = std::vector<float>(count, 97.5F),
                      .images = 60'000};
      if (c == 3) {
        mean.eigenvectors = {0.6F, 0.6F, 0.5F, 0.7F, -0.7F, 0, 0.3F, 0.3F, -0.8F};
        mean.stddev = {60, 10, 0};
      }
      expect_tidy(draw_mean(mean, page_, fonts_),
                  std::to_string(w) + "x" + std::to_string(h) + " at " + std::to_string(width));
    }
  }
}

}  // namespace
}  // namespace convoy
