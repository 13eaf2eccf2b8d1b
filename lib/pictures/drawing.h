// A picture as a list of shapes, apart from how it is written. Lengths are pixels of 1/96 inch, x to the
// right and y down from the top left corner.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "formats/image.h"

namespace convoy {

struct Color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  bool operator==(const Color&) const = default;
};

struct Point {
  double x = 0;
  double y = 0;
};

struct Rect {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
  [[nodiscard]] double right() const { return x + width; }
  [[nodiscard]] double bottom() const { return y + height; }
};

// A filled rectangle.
struct Box {
  Rect at;
  Color fill;
};

// A line through its points; `dashes` are lengths of dashes and gaps in turn, none for a solid line.
struct Path {
  std::vector<Point> points;
  Color color;
  double width = 1;
  std::vector<double> dashes = {};
};

enum class MarkShape { circle, square, triangle, diamond, cross, inverted_triangle };
// A small sign at a point of a curve, filled with its colour or, if hollow, with white.
struct Mark {
  Point at;
  MarkShape shape = MarkShape::circle;
  double size = 6;  // height
  Color color;
  bool hollow = false;
};

// An image whose pixels are shown sharp. For square pixels `at` is a whole multiple of its size.
struct Raster {
  Rect at;
  Image image;  // 3 channels
};

struct TextStyle {
  double size = 12;  // of the font, in pixels
  bool bold = false;
  bool operator==(const TextStyle&) const = default;
};

// A text in its place. It stands in one line, cut with an ellipsis if that is longer than `most`, or, if
// `lines` is more than one, is broken into at most so many.
struct Label {
  std::string text;  // UTF-8 without control characters: drawable_text()
  Rect at;           // the room that it takes
  TextStyle style;
  Color color;
  double most = 0;
  int lines = 1;
  bool upward = false;  // turned to the left: it reads from the bottom to the top
};

using Shape = std::variant<Box, Path, Mark, Raster, Label>;

struct Drawing {
  double width = 0;
  double height = 0;
  std::string title;          // of the file; empty: none
  std::vector<Shape> shapes;  // from the bottom to the top
};

}  // namespace convoy
