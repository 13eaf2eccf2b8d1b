// A panel with axes, in which curves are drawn.
#pragma once

#include <string>
#include <vector>

#include "lib/pictures/axis.h"
#include "lib/pictures/sketch.h"

namespace convoy {

// An axis from one value at the beginning of a line to another at its end.
struct Axis {
  double low = 0;
  double high = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks = {};
  std::string title = {};
  // From 0 at the beginning to 1 at the end.
  [[nodiscard]] double share(double value) const;
};

// An axis around values from low to high, which begins and ends at round values. most: ticks. Of a
// logarithmic one the values are positive.
[[nodiscard]] Axis axis_around(double low, double high, int most, bool logarithmic = false);

struct Plot {
  Rect frame;  // of the curves
  Axis x;
  Axis y;
  [[nodiscard]] Point at(double x_value, double y_value) const;
};

// The room left of the frame that the ticks and the title of a y axis take.
[[nodiscard]] double room_beside(const Sketch& sketch, const Axis& y);
// The room below the frame that the ticks of an x axis take; with its title if `titled`.
[[nodiscard]] double room_below(const Sketch& sketch, const Axis& x, bool titled);

// Draws grid, frame, ticks and titles. `titled`: whether the x axis has ticks and a title, as the lowest
// panel has.
void draw_axes(Sketch& sketch, const Plot& plot, bool titled);

}  // namespace convoy
