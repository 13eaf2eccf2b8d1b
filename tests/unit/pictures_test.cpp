// Pictures: what is drawn where, that no text leaves the page or meets another, and the files of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "formats/png.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/pictures/axis.h"
#include "lib/pictures/confusion_picture.h"
#include "lib/pictures/curves.h"
#include "lib/pictures/filters.h"
#include "lib/pictures/mean_picture.h"
#include "lib/pictures/net_picture.h"
#include "lib/pictures/render.h"
#include "lib/pictures/result_pictures.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::error_of;

// Arabic, Chinese (fonts for it need not be there), a name without blanks, combining marks, and bytes that
// are no UTF-8.
const std::vector<std::string> kOddNames = {
    "\xD8\xB4\xD8\xA7\xD8\xAD\xD9\x86\xD8\xA9",
    "\xE5\x8D\xA1\xE8\xBD\xA6",
    std::string(300, 'w'),
    "a" + std::string("\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81"),
    "\xFF\xFE broken",
    "tab\there, escape \x1b[31m",
    "<b>&amp;</b>",
    "plain"};

std::vector<Label> labels_of(const Drawing& drawing) {
  std::vector<Label> labels;
  for (const Shape& shape : drawing.shapes) {
    if (const auto* label = std::get_if<Label>(&shape)) labels.push_back(*label);
  }
  return labels;
}

template <typename Kind>
std::vector<Kind> all_of(const Drawing& drawing) {
  std::vector<Kind> found;
  for (const Shape& shape : drawing.shapes) {
    if (const auto* one = std::get_if<Kind>(&shape)) found.push_back(*one);
  }
  return found;
}

// The boxes of that colour, from the top to the bottom.
std::vector<Rect> boxes_of(const Drawing& drawing, const Color& color) {
  std::vector<Rect> boxes;
  for (const Box& box : all_of<Box>(drawing)) {
    if (box.fill == color) boxes.push_back(box.at);
  }
  return boxes;
}

const Label* label_with(const std::vector<Label>& labels, const std::string& text) {
  const auto found = std::ranges::find(labels, text, &Label::text);
  return found == labels.end() ? nullptr : &*found;
}

// The height at which a tick with that label stands beside a y axis.
double y_of_tick(const Drawing& drawing, const std::string& text) {
  double y = HUGE_VAL;  // one of the x axis may be called the same, and stands below
  for (const Label& label : labels_of(drawing)) {
    if (label.text == text && label.at.right() < 80) y = std::min(y, label.at.y + label.at.height / 2);
  }
  EXPECT_TRUE(std::isfinite(y)) << "no tick " << text;
  return y;
}

// Nothing is cut off, and no text stands on another.
void expect_tidy(const Drawing& drawing, const std::string& what) {
  constexpr double kHair = 0.75;
  const std::vector<Label> labels = labels_of(drawing);
  for (const Label& label : labels) {
    EXPECT_GE(label.at.x, -kHair) << what << ": " << label.text;
    EXPECT_GE(label.at.y, -kHair) << what << ": " << label.text;
    EXPECT_LE(label.at.right(), drawing.width + kHair) << what << ": " << label.text;
    EXPECT_LE(label.at.bottom(), drawing.height + kHair) << what << ": " << label.text;
    EXPECT_GT(label.at.width, 0) << what << ": " << label.text;
  }
  for (const Raster& raster : all_of<Raster>(drawing)) {
    EXPECT_GE(raster.at.x, 0) << what;
    EXPECT_LE(raster.at.right(), drawing.width) << what;
    EXPECT_LE(raster.at.bottom(), drawing.height) << what;
  }
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t j = i + 1; j < labels.size(); ++j) {
      const Rect& a = labels[i].at;
      const Rect& b = labels[j].at;
      const bool apart = a.right() <= b.x + kHair || b.right() <= a.x + kHair || a.bottom() <= b.y + kHair ||
                         b.bottom() <= a.y + kHair;
      EXPECT_TRUE(apart) << what << ": '" << labels[i].text << "' and '" << labels[j].text << "'";
    }
  }
}

const std::vector<double> kWidths = {240, 333, 800, 1900};

Image png_of(const Drawing& drawing, const Fonts& fonts, int scale = 1) {
  return decode_png(as_u8(render(drawing, fonts, PictureFormat::png, scale)), "picture");
}

Color pixel(const Image& image, double x, double y) {
  const std::size_t at =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) * 3;
  return {image.pixels.at(at), image.pixels.at(at + 1), image.pixels.at(at + 2)};
}

std::string text_of(const std::vector<std::byte>& bytes) { return std::string(as_text(bytes)); }

class Pictures : public ::testing::Test {
 protected:
  Fonts fonts_;
  Page page_;
};

// --- axes

TEST(Axis, TicksAreRoundAndWithinTheAxis) {
  const std::uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const double scale = std::pow(10.0, std::uniform_real_distribution(-8.0, 8.0)(random));
    const double low = std::uniform_real_distribution(-1.0, 1.0)(random) * scale;
    const double high = low + std::uniform_real_distribution(0.01, 1.0)(random) * scale;
    const int most = std::uniform_int_distribution(2, 12)(random);
    const std::vector<Tick> ticks = round_ticks(low, high, most);
    ASSERT_LE(ticks.size(), static_cast<std::size_t>(most));
    for (std::size_t i = 0; i < ticks.size(); ++i) {
      ASSERT_GE(ticks[i].value, low - scale * 1e-6);
      ASSERT_LE(ticks[i].value, high + scale * 1e-6);
      if (i == 0) continue;
      // A step of 1, 2 or 5 times a power of ten.
      const double step = ticks[i].value - ticks[i - 1].value;
      const double digit = step / std::pow(10.0, std::floor(std::log10(step) + 1e-6));
      ASSERT_TRUE(std::abs(digit - 1) < 1e-3 || std::abs(digit - 2) < 1e-3 || std::abs(digit - 5) < 1e-3)
          << step;
      ASSERT_NE(ticks[i].label, ticks[i - 1].label);
    }
    const Range range = round_range(low, high, most);
    ASSERT_LE(range.low, low + scale * 1e-6);
    ASSERT_GE(range.high, high - scale * 1e-6);
    ASSERT_LE(round_ticks(range.low, range.high, most).size(), static_cast<std::size_t>(most));
  }
}

TEST(Axis, LabelsAreAsShortAsTheyCan) {
  const auto labels = [](const std::vector<Tick>& ticks) {
    std::string text;
    for (const Tick& tick : ticks) text += tick.label + " ";
    return text;
  };
  EXPECT_EQ(labels(round_ticks(0, 100, 6)), "0 20 40 60 80 100 ");
  EXPECT_EQ(labels(round_ticks(0, 0.5, 6)), "0 0.1 0.2 0.3 0.4 0.5 ");
  EXPECT_EQ(labels(log_ticks(1e-5, 0.02, 6)), "1e-05 0.0001 0.001 0.01 ");
  EXPECT_EQ(labels(log_ticks(0.9, 6, 6)), "1 2 5 ");
  EXPECT_EQ(grouped(60965224), "60,965,224");
  EXPECT_EQ(grouped(999), "999");
}

TEST(Axis, OfOneValueHasRoomOnBothSides) {
  const Range range = round_range(5, 5, 5);
  EXPECT_LT(range.low, 5);
  EXPECT_GT(range.high, 5);
  const Range zero = round_range(0, 0, 5);
  EXPECT_LT(zero.low, zero.high);
}

// --- texts

TEST_F(Pictures, TextsOfAnyBytesBecomeWhatCanBeDrawn) {
  EXPECT_EQ(drawable_text("a\tb\n\x1b"), "a\\tb\\n\\x1b");
  EXPECT_EQ(drawable_text("\xFF"), "\\xff");
  EXPECT_EQ(drawable_text("\xE2\x80\xAEx"), "\\xe2\\x80\\xaex");
  EXPECT_LE(drawable_text(std::string(100'000, 'x')).size(), kMaxDrawnBytes);
  for (const std::string& name : kOddNames) {
    const TextSize size = fonts_.measure(drawable_text(name), kTextStyle, 100);
    EXPECT_LE(size.width, 100.01) << name;
    EXPECT_GT(size.height, 5) << name;
  }
}

TEST_F(Pictures, TextOfTheRightToLeftStandsInItsRoom) {
  for (const std::string& name : kOddNames) {
    for (const double most : {kAnyWidth, 60.0}) {
      Sketch sketch(fonts_, 400);
      const Rect room = sketch.text(name, {150, 20}, kTextStyle, {0, 0, 0}, Align::left, most);
      const Image image = png_of(sketch.finish(80), fonts_);
      bool any = false;
      for (int y = 0; y < image.height; ++y) {
        for (int x = 0; x < image.width; ++x) {
          if (pixel(image, x, y).red > 128) continue;
          any = true;
          // Outlines may reach a little past the advance widths.
          ASSERT_GE(x, room.x - 3) << name;
          ASSERT_LE(x, room.right() + 3) << name;
        }
      }
      EXPECT_TRUE(any) << name;
    }
  }
}

// --- files

Drawing small_drawing(const Fonts& fonts) {
  Sketch sketch(fonts, 240);
  Page page;
  page.titled = true;
  page.title = "A <title> & more";
  const double top = sketch.heading(page, "", "caption");
  sketch.box({20, top, 30, 10}, {200, 10, 20});
  return sketch.finish(top + 10);
}

TEST_F(Pictures, PngHasTheSizeTimesTheScale) {
  const Drawing drawing = small_drawing(fonts_);
  const Rect box = boxes_of(drawing, {200, 10, 20}).at(0);
  for (const int scale : {1, 2, 8}) {
    const Image image = png_of(drawing, fonts_, scale);
    EXPECT_EQ(image.width, 240 * scale);
    EXPECT_EQ(image.height, static_cast<int>(drawing.height) * scale);
    EXPECT_EQ(pixel(image, (box.x + 1) * scale, (box.y + 1) * scale), (Color{200, 10, 20}));
    EXPECT_EQ(pixel(image, (box.x - 1) * scale, (box.y + 1) * scale), kWhite);
  }
}

TEST_F(Pictures, SvgHasItsTextsInWordsAndItsSize) {
  const std::string svg = text_of(render(small_drawing(fonts_), fonts_, PictureFormat::svg, 3));
  EXPECT_TRUE(svg.starts_with("<?xml"));
  EXPECT_NE(svg.find("width=\"240px\""), std::string::npos);
  EXPECT_NE(svg.find("<title>A &lt;title&gt; &amp; more</title>"), std::string::npos);
  EXPECT_NE(svg.find("\ncaption\n"), std::string::npos);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
}

TEST_F(Pictures, PdfIsWholeAndHasNoDate) {
  const std::string pdf = text_of(render(small_drawing(fonts_), fonts_, PictureFormat::pdf, 1));
  EXPECT_TRUE(pdf.starts_with("%PDF-"));
  EXPECT_NE(pdf.find("%%EOF"), std::string::npos);
  EXPECT_EQ(pdf.find("CreationDate"), std::string::npos);
  EXPECT_EQ(pdf.find("ModDate"), std::string::npos);
  EXPECT_NE(pdf.find("/MediaBox [ 0 0 180 "), std::string::npos);  // 240 pixels in points
}

TEST_F(Pictures, AreTheSameBytesAgain) {
  // SVG has numbers that count on within a process: tests/cli/shownet.bats draws it twice.
  for (const PictureFormat format : {PictureFormat::png, PictureFormat::pdf}) {
    const auto first = render(small_drawing(fonts_), fonts_, format, 1);
    const Fonts others;
    EXPECT_EQ(text_of(first), text_of(render(small_drawing(others), others, format, 1)));
  }
}

TEST_F(Pictures, TheNameOfAFileTellsItsFormat) {
  EXPECT_EQ(format_of("a.png"), PictureFormat::png);
  EXPECT_EQ(format_of("a/b.SVG"), PictureFormat::svg);
  EXPECT_EQ(format_of(".pdf"), PictureFormat::pdf);
  EXPECT_EQ(format_of("png"), std::nullopt);
  EXPECT_EQ(format_of("-"), std::nullopt);
}

TEST_F(Pictures, LargerThanTheLimitsAreRefused) {
  Sketch sketch(fonts_, 240);
  Drawing drawing = sketch.finish(40'000);
  EXPECT_NE(error_of([&] { (void)render(drawing, fonts_, PictureFormat::svg, 1); }).find("no side may have"),
            std::string::npos);
  drawing.height = 20'000;
  EXPECT_NE(error_of([&] { (void)render(drawing, fonts_, PictureFormat::png, 8); }).find("no side may have"),
            std::string::npos);
  drawing.width = 20'000;
  EXPECT_NE(error_of([&] { (void)render(drawing, fonts_, PictureFormat::png, 1); }).find("no more than"),
            std::string::npos);
  drawing.height = 1000;
  EXPECT_NE(error_of([&] {
              (void)render(drawing, fonts_, PictureFormat::png, 1, {.bytes = 1 << 20, .source = "test"});
            }).find("need"),
            std::string::npos);
}

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

// --- curves

std::vector<LogPoint> make_run(double final_error) {
  std::vector<LogPoint> points;
  for (int i = 1; i <= 40; ++i) {
    LogPoint point{.step = static_cast<std::uint64_t>(100 * i),
                   .epoch = 0.25 * i,
                   .validation = i % 4 == 0,
                   .loss = 2.3 / i};
    point.top1_error = final_error + 0.5 / i;
    point.top5_error = point.top1_error / 4;
    point.learning_rate = i < 20 ? 0.01 : 0.001;
    points.push_back(point);
  }
  return points;
}

TEST_F(Pictures, CurvesGoThroughTheValues) {
  const std::vector<LoggedRun> runs = {{"a", make_run(0.25)}};
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false, .training = false}, page_, fonts_);
  // Two ticks give the scale: the error in per cent, from the bottom to the top.
  const double zero = y_of_tick(drawing, "0");
  const double forty = y_of_tick(drawing, "40");
  std::vector<Point> marks;
  for (const Mark& mark : all_of<Mark>(drawing)) marks.push_back(mark.at);
  ASSERT_EQ(marks.size(), 11U);  // one in the legend, ten validations
  for (std::size_t i = 1; i < marks.size(); ++i) {
    const double error = 100 * (0.25 + 0.5 / static_cast<double>(4 * i));
    EXPECT_NEAR(zero + (forty - zero) * error / 40, marks[i].y, 1.6);
    if (i > 1) {
      EXPECT_NEAR(marks[i].x - marks[i - 1].x, marks[2].x - marks[1].x, 1e-6);
    }
  }
}

TEST_F(Pictures, TrainingAndValidationDifferWithoutColour) {
  const std::vector<LoggedRun> runs = {{"a", make_run(0.2)}, {"b", make_run(0.3)}};
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false}, page_, fonts_);
  std::size_t dashed = 0;
  std::size_t solid = 0;
  for (const Path& path : all_of<Path>(drawing)) {
    if (path.points.size() < 5) continue;  // of the legend and the axes
    ++(path.dashes.empty() ? solid : dashed);
  }
  EXPECT_EQ(dashed, 2U);
  EXPECT_EQ(solid, 2U);
  // Runs differ in their marks, too.
  std::vector<MarkShape> shapes;
  for (const Mark& mark : all_of<Mark>(drawing)) shapes.push_back(mark.shape);
  EXPECT_GT(std::ranges::count(shapes, MarkShape::circle), 3);
  EXPECT_GT(std::ranges::count(shapes, MarkShape::square), 3);
}

TEST_F(Pictures, ValuesThatAreNoNumbersLeaveAGap) {
  std::vector<LoggedRun> runs = {{"a", make_run(0.2)}};
  runs[0].points[20].top1_error = NAN;
  runs[0].points[21].top1_error = INFINITY;
  const Drawing drawing =
      draw_curves(runs, {.loss = false, .rate = false, .validation = false}, page_, fonts_);
  std::size_t pieces = 0;
  for (const Path& path : all_of<Path>(drawing)) {
    if (!path.dashes.empty() && path.points.size() > 2) ++pieces;
    for (const Point& point : path.points) EXPECT_TRUE(std::isfinite(point.x) && std::isfinite(point.y));
  }
  EXPECT_EQ(pieces, 2U);
  for (LogPoint& point : runs[0].points) point.loss = NAN;
  EXPECT_NE(error_of([&] { (void)draw_curves(runs, {}, page_, fonts_); }).find("no value to draw of: loss"),
            std::string::npos);
}

TEST_F(Pictures, ALogOfAMillionRowsTakesNoMoreThanItsPixels) {
  std::vector<LoggedRun> runs = {{"a", {}}};
  std::mt19937_64 random(1);
  for (int i = 1; i <= 1'000'000; ++i) {
    LogPoint point{
        .step = static_cast<std::uint64_t>(i), .epoch = i * 1e-4, .validation = false, .loss = 1.0};
    point.top1_error = std::uniform_real_distribution(0.1, 0.9)(random);
    runs[0].points.push_back(point);
  }
  runs[0].points[500'000].top1_error = 1.0;  // the one peak is kept
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false}, page_, fonts_);
  std::size_t points = 0;
  double highest = 1e9;
  for (const Path& path : all_of<Path>(drawing)) {
    points += path.points.size();
    if (path.points.size() > 100) highest = std::ranges::min_element(path.points, {}, &Point::y)->y;
  }
  EXPECT_LT(points, 4 * page_.width);
  EXPECT_NEAR(highest, y_of_tick(drawing, "100"), 1.0);
}

TEST_F(Pictures, CurvesOfManyRunsWithOddNamesAreTidy) {
  for (const double width : kWidths) {
    page_.width = width;
    for (const std::size_t count : {1U, 3U, 8U, 30U}) {
      std::vector<LoggedRun> runs;
      for (std::size_t i = 0; i < count; ++i)
        runs.push_back({kOddNames[i % kOddNames.size()], make_run(0.01 * static_cast<double>(i + 1))});
      expect_tidy(draw_curves(runs, {.top5 = true, .steps = count % 2 == 1}, page_, fonts_),
                  std::to_string(count) + " runs at " + std::to_string(width));
    }
  }
}

TEST(Curves, RunsAreCalledByWhatTellsThemApart) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(run_names({"runs/relu.tsv"}), Names{"relu"});
  EXPECT_EQ(run_names({"relu.tsv", "tanh.tsv"}), (Names{"relu", "tanh"}));
  EXPECT_EQ(run_names({"runs/relu/log.tsv", "runs/tanh/log.tsv"}), (Names{"relu", "tanh"}));
  EXPECT_EQ(run_names({"a/x.tsv", "b/x.tsv", "c/y.tsv"}), (Names{"a/x", "b/x", "c/y"}));
  EXPECT_EQ(run_names({"log.tsv", "log.tsv"}), (Names{"log", "log"}));
  EXPECT_EQ(run_names({"-"}), Names{"stdin"});
}

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
