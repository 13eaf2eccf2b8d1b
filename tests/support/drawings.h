// What the tests of pictures ask of a drawing and of the files made of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <variant>
#include <vector>

#include "formats/png.h"
#include "lib/base/file.h"
#include "lib/pictures/render.h"
#include "lib/pictures/sketch.h"

namespace convoy::test {

// Arabic, Chinese (fonts for it need not be there), a name without blanks, combining marks, and bytes that
// are no UTF-8.
inline const std::vector<std::string> kOddNames = {
    "\xD8\xB4\xD8\xA7\xD8\xAD\xD9\x86\xD8\xA9",
    "\xE5\x8D\xA1\xE8\xBD\xA6",
    std::string(300, 'w'),
    "a" + std::string("\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81"),
    "\xFF\xFE broken",
    "tab\there, escape \x1b[31m",
    "<b>&amp;</b>",
    "plain"};

template <typename Kind>
std::vector<Kind> all_of(const Drawing& drawing) {
  std::vector<Kind> found;
  for (const Shape& shape : drawing.shapes) {
    if (const auto* one = std::get_if<Kind>(&shape)) found.push_back(*one);
  }
  return found;
}

inline std::vector<Label> labels_of(const Drawing& drawing) { return all_of<Label>(drawing); }

// The boxes of that colour, from the top to the bottom.
inline std::vector<Rect> boxes_of(const Drawing& drawing, const Color& color) {
  std::vector<Rect> boxes;
  for (const Box& box : all_of<Box>(drawing)) {
    if (box.fill == color) boxes.push_back(box.at);
  }
  return boxes;
}

inline const Label* label_with(const std::vector<Label>& labels, const std::string& text) {
  const auto found = std::ranges::find(labels, text, &Label::text);
  return found == labels.end() ? nullptr : &*found;
}

// The height at which a tick with that label stands beside a y axis.
inline double y_of_tick(const Drawing& drawing, const std::string& text) {
  double y = HUGE_VAL;  // one of the x axis may be called the same, and stands below
  for (const Label& label : labels_of(drawing)) {
    if (label.text == text && label.at.right() < 80) y = std::min(y, label.at.y + label.at.height / 2);
  }
  EXPECT_TRUE(std::isfinite(y)) << "no tick " << text;
  return y;
}

// Nothing is cut off, and no text stands on another.
inline void expect_tidy(const Drawing& drawing, const std::string& what) {
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

inline const std::vector<double> kWidths = {240, 333, 800, 1900};

inline Image png_of(const Drawing& drawing, const Fonts& fonts, int scale = 1) {
  return decode_png(as_u8(render(drawing, fonts, PictureFormat::png, scale)), "picture");
}

inline Color pixel(const Image& image, double x, double y) {
  const std::size_t at =
      (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) + static_cast<std::size_t>(x)) * 3;
  return {image.pixels.at(at), image.pixels.at(at + 1), image.pixels.at(at + 2)};
}

inline std::string text_of(const std::vector<std::byte>& bytes) { return std::string(as_text(bytes)); }
class Pictures : public ::testing::Test {
 protected:
  Fonts fonts_;
  Page page_;
};

}  // namespace convoy::test
