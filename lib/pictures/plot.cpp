#include "lib/pictures/plot.h"

#include <algorithm>
#include <cmath>

namespace convoy {
namespace {

constexpr double kTickGap = 6;

double widest_tick(const Sketch& sketch, const Axis& axis) {
  double widest = 0;
  for (const Tick& tick : axis.ticks)
    widest = std::max(widest, sketch.measure(tick.label, kSmallStyle).width);
  return widest;
}

// The middle of a pixel, on which a line of one pixel is sharp.
double crisp(double place) { return std::floor(place) + 0.5; }

}  // namespace

double Axis::share(double value) const {
  if (logarithmic) return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
  return (value - low) / (high - low);
}

Axis axis_around(double low, double high, int most, bool logarithmic) {
  Axis axis;
  axis.logarithmic = logarithmic;
  if (logarithmic) {
    constexpr double kRoom = 1.25;
    axis.low = low / kRoom;
    axis.high = high * kRoom;
    axis.ticks = log_ticks(axis.low, axis.high, most);
    return axis;
  }
  const Range range = round_range(low, high, most);
  axis.low = range.low;
  axis.high = range.high;
  axis.ticks = round_ticks(range.low, range.high, most);
  return axis;
}

Point Plot::at(double x_value, double y_value) const {
  return {frame.x + frame.width * x.share(x_value), frame.bottom() - frame.height * y.share(y_value)};
}

double room_beside(const Sketch& sketch, const Axis& y) {
  return std::ceil(widest_tick(sketch, y) + kTickGap + sketch.line_height(kTextStyle) + kTickGap);
}

double room_below(const Sketch& sketch, const Axis& x, bool titled) {
  if (!titled) return 0;
  const double title = x.title.empty() ? 0 : sketch.line_height(kTextStyle) + kTickGap / 2;
  return std::ceil(kTickGap + sketch.line_height(kSmallStyle) + title);
}

void draw_axes(Sketch& sketch, const Plot& plot, bool titled) {
  const Rect& frame = plot.frame;
  for (const Tick& tick : plot.x.ticks) {
    const double x = crisp(frame.x + frame.width * plot.x.share(tick.value));
    sketch.line({x, frame.y}, {x, frame.bottom()}, kGrid);
    if (titled) {
      sketch.text(tick.label, {x, frame.bottom() + kTickGap}, kSmallStyle, kSoftInk, Align::center);
    }
  }
  for (const Tick& tick : plot.y.ticks) {
    const double y = crisp(frame.bottom() - frame.height * plot.y.share(tick.value));
    sketch.line({frame.x, y}, {frame.right(), y}, kGrid);
    sketch.text_beside(tick.label, {frame.x - kTickGap, y}, kSmallStyle, kSoftInk, Align::right);
  }
  sketch.line({crisp(frame.x), frame.y}, {crisp(frame.x), frame.bottom() + 1}, kAxis);
  sketch.line({frame.x, crisp(frame.bottom())}, {frame.right(), crisp(frame.bottom())}, kAxis);
  if (titled) {
    sketch.text(
        plot.x.title,
        {frame.x + frame.width / 2, frame.bottom() + kTickGap * 1.5 + sketch.line_height(kSmallStyle)},
        kTextStyle, kInk, Align::center, frame.width);
  }
  const double left = frame.x - room_beside(sketch, plot.y);
  sketch.text_upward(plot.y.title, {left, frame.y + frame.height / 2}, kTextStyle, kInk, Align::center,
                     frame.height);
}

}  // namespace convoy
