// Pictures of answers, of nearest images, and of what was taken for what.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "lib/pictures/confusion_picture.h"
#include "lib/pictures/result_pictures.h"
#include "tests/support/drawings.h"

namespace convoy {
namespace {

using test::all_of;
using test::boxes_of;
using test::expect_tidy;
using test::kOddNames;
using test::kWidths;
using test::label_with;
using test::labels_of;
using test::Pictures;
using test::pixel;
using test::png_of;

// --- results

Thumbnail make_thumbnail(int side, Color color) {
  Thumbnail one;
  one.image = {side, side, 3, {}};
  for (int i = 0; i < side * side; ++i)
    one.image.pixels.insert(one.image.pixels.end(), {color.red, color.green, color.blue});
  return one;
}

TEST_F(Pictures, BarsAreAsLongAsProbabilitiesAndTheRightOneIsColoured) {
  const Thumbnail thumbnail = make_thumbnail(28, {10, 200, 30});
  PredictedImage image{.thumbnail = &thumbnail, .truth = "truck", .caption = "", .bars = {}};
  image.bars = {{"ship", 0.5, false}, {"truck", 0.25, true}, {"cat", 0.125, false}};
  const ImageGrid grid = prediction_grid(page_, 0, 1);
  const Drawing drawing = draw_predictions({image}, grid, page_, fonts_);
  const std::vector<Rect> right = boxes_of(drawing, kRightBar);
  const std::vector<Rect> others = boxes_of(drawing, kOtherBar);
  ASSERT_EQ(right.size(), 1U);
  ASSERT_EQ(others.size(), 2U);
  EXPECT_NEAR(others[0].width, grid.cell * 0.5, 1e-9);
  EXPECT_NEAR(right[0].width, grid.cell * 0.25, 1e-9);
  EXPECT_NEAR(others[1].width, grid.cell * 0.125, 1e-9);
  const auto labels = labels_of(drawing);
  for (const Label& label : labels) {
    if (label.text == "truck") {
      EXPECT_TRUE(label.style.bold);
    }
    if (label.text == "ship") {
      EXPECT_FALSE(label.style.bold);
    }
  }
  // The colours differ in lightness, too.
  EXPECT_LT(lightness(kRightBar), lightness(kOtherBar) - 0.2);
  // The image, enlarged by a whole number, in the middle of its square.
  const Raster raster = all_of<Raster>(drawing).at(0);
  EXPECT_EQ(raster.at.width, 28 * std::floor(grid.side / 28.0));
  const Image png = png_of(drawing, fonts_);
  EXPECT_EQ(pixel(png, raster.at.x, raster.at.y), (Color{10, 200, 30}));
  EXPECT_EQ(pixel(png, raster.at.right() - 1, raster.at.bottom() - 1), (Color{10, 200, 30}));
  EXPECT_EQ(pixel(png, right[0].x + 1, right[0].y + 1), kRightBar);
}

TEST_F(Pictures, PredictionsAndNeighboursWithOddNamesAreTidy) {
  const Thumbnail small = make_thumbnail(28, {1, 2, 3});
  const Thumbnail missing{.image = {}, .truth = {}, .failure = "is not there"};
  for (const double width : kWidths) {
    page_.width = width;
    std::vector<PredictedImage> images;
    std::vector<NeighbourRow> rows;
    for (std::size_t i = 0; i < 9; ++i) {
      PredictedImage image{.thumbnail = i == 3 ? &missing : &small,
                           .truth = i == 2 ? "" : kOddNames[i % kOddNames.size()],
                           .caption = kOddNames[0],
                           .bars = {}};
      NeighbourRow row{.query = {&small, kOddNames[i % kOddNames.size()], -1}, .near = {}};
      for (std::size_t k = 0; k < 6; ++k) {
        image.bars.push_back({kOddNames[(i + k) % kOddNames.size()], k == 0 ? 1.0 : 1e-6, k == i});
        row.near.push_back(
            {&missing, kOddNames[(i + k) % kOddNames.size()], 12345.678 * static_cast<double>(k)});
      }
      images.push_back(image);
      rows.push_back(row);
    }
    expect_tidy(draw_predictions(images, prediction_grid(page_, 0, images.size()), page_, fonts_),
                "predictions at " + std::to_string(width));
    expect_tidy(draw_predictions(images, prediction_grid(page_, 5, images.size()), page_, fonts_),
                "5 columns at " + std::to_string(width));
    expect_tidy(draw_neighbours(rows, neighbour_grid(page_, 6), page_, fonts_),
                "neighbours at " + std::to_string(width));
    expect_tidy(draw_neighbours(rows, neighbour_grid(page_, 20), page_, fonts_),
                "20 neighbours at " + std::to_string(width));
  }
}

// --- confusion

ConfusionTable make_table(std::size_t classes, std::uint64_t right) {
  ConfusionTable table;
  for (std::uint32_t i = 0; i < classes; ++i) {
    table.ids.push_back("class" + std::to_string(i));
    table.counts.push_back({i, i, right});
    if (classes > 1) table.counts.push_back({i, static_cast<std::uint32_t>((i + 1) % classes), 1 + i % 7});
  }
  return table;
}

TEST_F(Pictures, CellsOfConfusionAreSharesOfTheirRow) {
  ConfusionTable table;
  table.ids = {"a", "b", "c"};
  table.counts = {{0, 0, 3}, {0, 1, 1}, {1, 1, 100}};  // c has no images
  const Drawing drawing = draw_confusion(table, table.ids, page_, fonts_);
  const Raster matrix = all_of<Raster>(drawing).at(0);
  ASSERT_EQ(matrix.image.width, 3);
  EXPECT_EQ(pixel(matrix.image, 0, 0), shade_of(std::sqrt(0.75)));
  EXPECT_EQ(pixel(matrix.image, 1, 0), shade_of(std::sqrt(0.25)));
  EXPECT_EQ(pixel(matrix.image, 1, 1), shade_of(1));
  EXPECT_EQ(pixel(matrix.image, 2, 2), shade_of(0));
  const auto labels = labels_of(drawing);
  EXPECT_NE(label_with(labels, "75"), nullptr);
  EXPECT_NE(label_with(labels, "25"), nullptr);
  EXPECT_NE(label_with(labels, "25 % (1)"), nullptr);
  EXPECT_TRUE(std::ranges::any_of(
      labels, [](const Label& label) { return label.text.starts_with("104 images, 99.04 % right. "); }));
}

TEST_F(Pictures, ShadesBecomeDarkerWithTheShare) {
  for (int i = 0; i < 100; ++i)
    EXPECT_GE(lightness(shade_of(i / 100.0)), lightness(shade_of((i + 1) / 100.0)));
  EXPECT_EQ(shade_of(0), kWhite);
}

TEST_F(Pictures, TheMostConfusedComeFirst) {
  ConfusionTable table;
  table.ids = {"a", "b", "c"};
  table.counts = {{0, 0, 90}, {0, 1, 10}, {1, 1, 1}, {1, 2, 1}, {2, 0, 5}};
  const auto pairs = most_confused(table, 2);
  ASSERT_EQ(pairs.size(), 2U);
  EXPECT_EQ(pairs[0].truth, 2U);
  EXPECT_EQ(pairs[0].share, 1.0);
  EXPECT_EQ(pairs[1].truth, 1U);
  EXPECT_EQ(pairs[1].share, 0.5);
  EXPECT_EQ(most_confused(table, 10).size(), 3U);
}

TEST_F(Pictures, ConfusionOfAnyNumberOfClassesIsTidy) {
  for (const double width : kWidths) {
    page_.width = width;
    for (const std::size_t classes : {1U, 2U, 10U, 47U, 100U, 1000U, 5000U}) {
      const ConfusionTable table = make_table(classes, 20);
      std::vector<std::string> names = table.ids;
      for (std::size_t i = 0; i < names.size(); i += 3) names[i] = kOddNames[i / 3 % kOddNames.size()];
      const Drawing drawing = draw_confusion(table, names, page_, fonts_);
      expect_tidy(drawing, std::to_string(classes) + " classes at " + std::to_string(width));
      EXPECT_LT(labels_of(drawing).size(), 20'000U);
    }
  }
}

}  // namespace
}  // namespace convoy
