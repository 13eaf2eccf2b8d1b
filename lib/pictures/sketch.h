// Puts shapes and measured texts on a page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/pictures/drawing.h"
#include "lib/pictures/fonts.h"
#include "lib/pictures/palette.h"

namespace convoy {

inline constexpr double kMargin = 16;  // of a page, on every side
inline constexpr TextStyle kTitleStyle{.size = 16, .bold = true};
inline constexpr TextStyle kTextStyle{.size = 12, .bold = false};
inline constexpr TextStyle kStrongStyle{.size = 12, .bold = true};
inline constexpr TextStyle kSmallStyle{.size = 10.5, .bold = false};

// What the user says about every picture.
struct Page {
  double width = 800;      // wanted: a picture that needs more is wider
  bool titled = false;     // whether `title` takes the place of the picture's own
  std::string title = {};  // empty: none
  int scale = 1;           // pixels of a PNG for a length of one
};

enum class Align { left, center, right };

class Sketch {
 public:
  Sketch(const Fonts& fonts, double width) : fonts_(fonts) { drawing_.width = width; }

  [[nodiscard]] double width() const { return drawing_.width; }
  // The width between the margins.
  [[nodiscard]] double inner_width() const { return drawing_.width - 2 * kMargin; }

  void box(const Rect& at, const Color& fill) { add(Box{at, fill}); }
  // Lines along the inner edge of the rectangle.
  void frame(const Rect& at, const Color& color, double width = 1);
  void line(Point from, Point to, const Color& color, double width = 1) {
    add(Path{{from, to}, color, width, {}});
  }
  // Kind: one of those of Shape.
  template <typename Kind>
  void add(Kind shape) {
    drawing_.shapes.emplace_back(std::in_place_type<Kind>, std::move(shape));
  }

  // Text from outside and the project's own alike. Returns the room that it takes: `at` is its top and, by
  // `align`, its left end, centre or right end. It is cut to `most`.
  Rect text(std::string_view text, Point at, const TextStyle& style, const Color& color = kInk,
            Align align = Align::left, double most = kAnyWidth);
  // The same with the middle of the line at at.y.
  Rect text_beside(std::string_view text, Point at, const TextStyle& style, const Color& color = kInk,
                   Align align = Align::left, double most = kAnyWidth);
  // A text that reads from the bottom to the top: `at` is its left side and, by `align` along the reading,
  // its beginning (at the bottom), centre or end.
  Rect text_upward(std::string_view text, Point at, const TextStyle& style, const Color& color = kInk,
                   Align align = Align::center, double most = kAnyWidth);
  // A text of at most `lines` lines. Returns its height.
  double paragraph(std::string_view text, Point at, double width, const TextStyle& style, const Color& color,
                   int lines);
  // The page's title, or `title`, and a caption, from the top margin. Returns where what follows may begin.
  double heading(const Page& page, std::string_view title, std::string_view caption);

  [[nodiscard]] TextSize measure(std::string_view text, const TextStyle& style) const {
    return fonts_.measure(drawable_text(text), style);
  }
  [[nodiscard]] double line_height(const TextStyle& style) const { return fonts_.line_height(style); }

  // The drawing, whose page ends at `bottom`.
  [[nodiscard]] Drawing finish(double bottom);

 private:
  Rect put(Label&& label, const TextSize& size, Point at, Align align);
  const Fonts& fonts_;
  Drawing drawing_;
};

}  // namespace convoy
