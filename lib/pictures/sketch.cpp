#include "lib/pictures/sketch.h"

#include <cmath>
#include <utility>

namespace convoy {
namespace {

double shift_of(Align align, double length) {
  switch (align) {
    case Align::left:
      return 0;
    case Align::center:
      return length / 2;
    case Align::right:
      return length;
  }
  return 0;
}

}  // namespace

void Sketch::frame(const Rect& at, const Color& color, double width) {
  const double half = width / 2;
  add(Path{{{at.x + half, at.y + half},
            {at.right() - half, at.y + half},
            {at.right() - half, at.bottom() - half},
            {at.x + half, at.bottom() - half},
            {at.x + half, at.y + half}},
           color,
           width,
           {}});
}

Rect Sketch::put(Label&& label, const TextSize& size, Point at, Align align) {
  label.at = {at.x - shift_of(align, size.width), at.y, size.width, size.height};
  const Rect room = label.at;
  if (!label.text.empty()) add(std::move(label));
  return room;
}

Rect Sketch::text(std::string_view text, Point at, const TextStyle& style, const Color& color, Align align,
                  double most) {
  Label label{.text = drawable_text(text), .at = {}, .style = style, .color = color, .most = most};
  const TextSize size = fonts_.measure(label.text, style, most);
  return put(std::move(label), size, at, align);
}

Rect Sketch::text_beside(std::string_view text, Point at, const TextStyle& style, const Color& color,
                         Align align, double most) {
  Label label{.text = drawable_text(text), .at = {}, .style = style, .color = color, .most = most};
  const TextSize size = fonts_.measure(label.text, style, most);
  return put(std::move(label), size, {at.x, at.y - size.height / 2}, align);
}

Rect Sketch::text_upward(std::string_view text, Point at, const TextStyle& style, const Color& color,
                         Align align, double most) {
  Label label{.text = drawable_text(text), .at = {}, .style = style, .color = color, .most = most};
  label.upward = true;
  const TextSize size = fonts_.measure(label.text, style, most);
  label.at = {at.x, at.y - size.width + shift_of(align, size.width), size.height, size.width};
  const Rect room = label.at;
  if (!label.text.empty()) add(std::move(label));
  return room;
}

double Sketch::paragraph(std::string_view text, Point at, double width, const TextStyle& style,
                         const Color& color, int lines) {
  Label label{
      .text = drawable_text(text), .at = {}, .style = style, .color = color, .most = width, .lines = lines};
  if (label.text.empty()) return 0;
  const TextSize size = fonts_.measure(label.text, style, width, lines);
  return put(std::move(label), size, at, Align::left).height;
}

double Sketch::heading(const Page& page, std::string_view title, std::string_view caption) {
  constexpr int kTitleLines = 3;
  constexpr int kCaptionLines = 8;
  constexpr double kGap = 4;
  const std::string_view shown = page.titled ? std::string_view(page.title) : title;
  drawing_.title = drawable_text(shown);
  double y = kMargin;
  if (!shown.empty()) {
    y += paragraph(shown, {kMargin, y}, inner_width(), kTitleStyle, kInk, kTitleLines) + kGap;
  }
  if (!caption.empty()) {
    y += paragraph(caption, {kMargin, y}, inner_width(), kTextStyle, kSoftInk, kCaptionLines) + kGap;
  }
  return std::ceil(y > kMargin ? y + 2 * kGap : y);
}

Drawing Sketch::finish(double bottom) {
  drawing_.height = std::ceil(bottom + kMargin);
  return std::move(drawing_);
}

}  // namespace convoy
