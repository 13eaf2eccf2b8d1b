// Axes, texts, and the files that are made of drawings.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/pictures/axis.h"
#include "lib/pictures/render.h"
#include "tests/support/drawings.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::boxes_of;
using test::error_of;
using test::kOddNames;
using test::Pictures;
using test::pixel;
using test::png_of;
using test::text_of;

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
  EXPECT_EQ(short_number(0.0125), "0.0125");
  EXPECT_EQ(short_number(12.34), "12.3");
  EXPECT_EQ(short_number(999.6), "1000");
  EXPECT_EQ(short_number(-1614.2), "-1614");
  EXPECT_EQ(short_number(999999.4), "999999");
  EXPECT_EQ(short_number(1234567), "1.23e+06");
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

}  // namespace
}  // namespace convoy
