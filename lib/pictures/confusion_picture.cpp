#include "lib/pictures/confusion_picture.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "lib/base/count.h"
#include "lib/base/text.h"
#include "lib/pictures/axis.h"

namespace convoy {
namespace {

constexpr std::size_t kMostPairs = 10;
constexpr double kMostCell = 44;  // pixels
constexpr double kPercent = 100;

std::vector<std::uint64_t> row_sums(const ConfusionTable& table) {
  std::vector<std::uint64_t> sums(table.ids.size());
  for (const ConfusionCount& one : table.counts) sums[one.truth] += one.count;
  return sums;
}

// The shade of a share grows with its root: most mistakes are rare, and would hardly be seen otherwise.
Color cell_color(double share) { return shade_of(std::sqrt(share)); }

std::string percent(double share) {
  const double value = kPercent * share;
  return format(value > 0 && value < 0.95 ? "%.1f" : "%.0f", value);
}

// Which classes are a cell, and the shares of the cells.
struct Cells {
  std::size_t classes = 0;
  std::size_t a_cell = 1;      // classes
  std::size_t side = 0;        // cells in a row
  std::vector<double> shares;  // [side, side]
  [[nodiscard]] double share(std::size_t row, std::size_t column) const {
    return shares[row * side + column];
  }
};

Cells cells_of(const ConfusionTable& table, std::size_t most) {
  Cells cells;
  cells.classes = table.ids.size();
  cells.a_cell = (cells.classes + most - 1) / most;
  cells.side = (cells.classes + cells.a_cell - 1) / cells.a_cell;
  cells.shares.resize(cells.side * cells.side);
  std::vector<double> sums(cells.side);
  for (const ConfusionCount& one : table.counts) {
    cells.shares[one.truth / cells.a_cell * cells.side + one.predicted / cells.a_cell] +=
        static_cast<double>(one.count);
    sums[one.truth / cells.a_cell] += static_cast<double>(one.count);
  }
  for (std::size_t row = 0; row < cells.side; ++row) {
    for (std::size_t column = 0; column < cells.side; ++column) {
      if (sums[row] > 0) cells.shares[row * cells.side + column] /= sums[row];
    }
  }
  return cells;
}

// One pixel a cell, which is enlarged.
Image matrix_image(const Cells& cells) {
  const auto side = static_cast<int>(cells.side);
  Image image{side, side, 3, {}};
  image.pixels.reserve(cells.shares.size() * 3);
  for (const double share : cells.shares) {
    const Color color = cell_color(share);
    image.pixels.insert(image.pixels.end(), {color.red, color.green, color.blue});
  }
  return image;
}

struct Frame {
  Rect at;
  double cell = 0;  // pixels
  double name = 0;  // the widest that a name beside it may be
};

// Every how many cells a name fits beside the matrix.
std::size_t name_stride(const Sketch& sketch, double cell) {
  const double line = sketch.line_height(kSmallStyle);
  return static_cast<std::size_t>(std::max(1.0, std::ceil(line / cell)));
}

void draw_names(Sketch& sketch, const Frame& frame, const Cells& cells,
                const std::vector<std::string>& names) {
  const std::size_t stride = name_stride(sketch, frame.cell);
  const double line = sketch.line_height(kSmallStyle);
  for (std::size_t i = 0; i < cells.side; i += stride) {
    const double middle = (static_cast<double>(i) + 0.5) * frame.cell;
    const std::string& name = names[i * cells.a_cell];
    // The last ones may be so near to the end that half a line would hang over it.
    sketch.text_beside(name, {frame.at.x - 6, frame.at.y + middle}, kSmallStyle, kInk, Align::right,
                       frame.name);
    sketch.text_upward(name, {frame.at.x + middle - line / 2, frame.at.bottom() + 6}, kSmallStyle, kInk,
                       Align::right, frame.name);
    if (stride > 1) {
      sketch.line({frame.at.x - 4, frame.at.y + middle}, {frame.at.x, frame.at.y + middle}, kAxis);
      sketch.line({frame.at.x + middle, frame.at.bottom()}, {frame.at.x + middle, frame.at.bottom() + 4},
                  kAxis);
    }
  }
}

// Percentages in the cells, if they fit.
void draw_numbers(Sketch& sketch, const Frame& frame, const Cells& cells) {
  constexpr double kDark = 0.5;
  if (frame.cell < std::ceil(sketch.measure("99.9", kSmallStyle).width) + 2) return;
  for (std::size_t row = 0; row < cells.side; ++row) {
    for (std::size_t column = 0; column < cells.side; ++column) {
      const double share = cells.share(row, column);
      if (!(share > 0)) continue;
      sketch.text_beside(percent(share),
                         {frame.at.x + (static_cast<double>(column) + 0.5) * frame.cell,
                          frame.at.y + (static_cast<double>(row) + 0.5) * frame.cell},
                         kSmallStyle, lightness(cell_color(share)) < kDark ? kWhite : kInk, Align::center);
    }
  }
}

// The scale of shades, as long as the matrix is high at most.
void draw_scale(Sketch& sketch, const Frame& frame) {
  constexpr double kWide = 14;
  constexpr double kMostHigh = 200;
  constexpr int kSteps = 100;
  const double high = std::floor(std::min(kMostHigh, frame.at.height));
  const double left = frame.at.right() + 20;
  Image bar{1, kSteps, 3, {}};
  for (int i = 0; i < kSteps; ++i) {
    const Color color = shade_of(1 - (i + 0.5) / kSteps);
    bar.pixels.insert(bar.pixels.end(), {color.red, color.green, color.blue});
  }
  sketch.add(Raster{{left, frame.at.y, kWide, high}, std::move(bar)});
  sketch.frame({left, frame.at.y, kWide, high}, kAxis);
  constexpr double kHighForAll = 120;
  const double line = sketch.line_height(kSmallStyle);
  for (const double tick : {0.0, 0.05, 0.25, 0.5, 1.0}) {
    if (high < kHighForAll && tick > 0 && tick < 1) continue;
    const double from_top = 1 - std::sqrt(tick);
    const double y = std::floor(frame.at.y + (high - 1) * from_top) + 0.5;
    sketch.line({left + kWide, y}, {left + kWide + 4, y}, kAxis);
    // Within the bar's ends, so that the first does not reach into what stands above.
    sketch.text_beside(percent(tick) + " %",
                       {left + kWide + 7, y + (0.5 - from_top) * std::min(line, high / 4)}, kSmallStyle,
                       kSoftInk);
  }
}

// The pairs that are taken for each other most, with bars. Returns the bottom.
double draw_pairs(Sketch& sketch, const ConfusionTable& table, const std::vector<std::string>& names,
                  double y) {
  const std::vector<ConfusedPair> pairs = most_confused(table, kMostPairs);
  if (pairs.empty()) return y;
  const double line = std::ceil(sketch.line_height(kTextStyle) + 6);
  y = std::ceil(y + 4 +
                sketch.paragraph("Most often taken for another, of the images of their class", {kMargin, y},
                                 sketch.inner_width(), kStrongStyle, kInk, 3));
  const auto figure_of = [](const ConfusedPair& pair) {
    return percent(pair.share) + " % (" + grouped(pair.count) + ")";
  };
  double figure = 0;
  const double arrow = sketch.measure(" \xE2\x86\x92 ", kTextStyle).width;
  double text = 0;
  for (const ConfusedPair& pair : pairs) {
    figure = std::max(figure, std::ceil(sketch.measure(figure_of(pair), kTextStyle).width));
    text = std::max(text, sketch.measure(names[pair.truth], kTextStyle).width + arrow +
                              sketch.measure(names[pair.predicted], kTextStyle).width);
  }
  // Names go before bars, of which something must be left.
  constexpr double kBarPart = 0.3;
  constexpr double kLeastBar = 24;
  const double rest = sketch.inner_width() - figure - 22;
  text = std::min(std::ceil(text) + 1, rest - kLeastBar);
  const double bar = std::floor(std::min(rest - text, kBarPart * sketch.inner_width()));
  for (const ConfusedPair& pair : pairs) {
    const double middle = y + line / 2;
    // Two labels: in one, the order of words would depend on their scripts.
    const double room = text - arrow;
    const double second = std::min(sketch.measure(names[pair.predicted], kTextStyle).width, room / 2);
    const Rect first = sketch.text_beside(names[pair.truth], {kMargin, middle}, kTextStyle, kInk, Align::left,
                                          room - second);
    sketch.text_beside("\xE2\x86\x92", {first.right() + arrow / 2, middle}, kTextStyle, kSoftInk,
                       Align::center);
    sketch.text_beside(names[pair.predicted], {first.right() + arrow, middle}, kTextStyle, kInk, Align::left,
                       room - first.width);
    const double left = kMargin + text + 16;
    sketch.box({left, y + 4, std::max(bar * pair.share, 1.0), line - 8}, kBar);
    sketch.text_beside(figure_of(pair), {left + bar * pair.share + 6, middle}, kTextStyle);
    y += line;
  }
  return y;
}

// How wide names are at most, and how large cells.
struct Plan {
  Frame frame;        // without its place
  double beside = 0;  // room left of the matrix
  double scale = 0;   // right of it
  std::size_t most_cells = 1;
};

Plan plan_page(const Sketch& sketch, const std::vector<std::string>& names) {
  constexpr double kLeastMatrix = 120;
  constexpr double kNamePart = 0.2;  // of the width
  constexpr double kMostName = 130;
  constexpr std::size_t kMostMeasured = 1000;  // more names are never shown
  Plan plan;
  const double most = std::min(kMostName, kNamePart * sketch.width());
  const std::size_t stride = std::max<std::size_t>(names.size() / kMostMeasured, 1);
  for (std::size_t i = 0; i < names.size() && plan.frame.name < most; i += stride) {
    plan.frame.name =
        std::max(plan.frame.name, std::min(std::ceil(sketch.measure(names[i], kSmallStyle).width), most));
  }
  plan.beside = std::ceil(sketch.line_height(kTextStyle) + 8 + plan.frame.name + 6);
  plan.scale = 20 + 14 + 6 + std::ceil(sketch.measure("100 %", kSmallStyle).width);
  const double room = std::max(std::floor(sketch.inner_width() - plan.beside - plan.scale), kLeastMatrix);
  plan.most_cells = static_cast<std::size_t>(room);
  const double cells = static_cast<double>(std::min(plan.most_cells, names.size()));
  plan.frame.cell = std::clamp(std::floor(room / cells), 1.0, kMostCell);
  return plan;
}

std::string caption_of(const ConfusionTable& table, const Cells& cells) {
  std::uint64_t images = 0;
  std::uint64_t right = 0;
  for (const ConfusionCount& one : table.counts) {
    images += one.count;
    if (one.truth == one.predicted) right += one.count;
  }
  // The result comes first, so that no line breaks within it.
  return grouped(images) + (images == 1 ? " image, " : " images, ") +
         format("%.2f", kPercent * static_cast<double>(right) / static_cast<double>(images)) +
         " % right. Rows are the classes of the images, columns what they were taken for, in per cent of the "
         "images of the class." +
         (cells.a_cell > 1 ? " A cell is " + std::to_string(cells.a_cell) + " neighbouring classes." : "");
}

}  // namespace

std::vector<ConfusedPair> most_confused(const ConfusionTable& table, std::size_t most) {
  const std::vector<std::uint64_t> sums = row_sums(table);
  std::vector<ConfusedPair> pairs;
  for (const ConfusionCount& one : table.counts) {
    if (one.truth == one.predicted) continue;
    pairs.push_back({one.truth, one.predicted, one.count,
                     static_cast<double>(one.count) / static_cast<double>(sums[one.truth])});
  }
  const std::size_t kept = std::min(most, pairs.size());
  std::ranges::partial_sort(pairs, pairs.begin() + static_cast<std::ptrdiff_t>(kept),
                            [](const ConfusedPair& a, const ConfusedPair& b) {
                              return std::tuple(-a.share, b.count, a.truth, a.predicted) <
                                     std::tuple(-b.share, a.count, b.truth, b.predicted);
                            });
  pairs.resize(kept);
  return pairs;
}

Drawing draw_confusion(const ConfusionTable& table, const std::vector<std::string>& names, const Page& page,
                       const Fonts& fonts) {
  const Plan plan = plan_page(Sketch(fonts, page.width), names);
  const Cells cells = cells_of(table, plan.most_cells);
  Frame frame = plan.frame;
  const double side = frame.cell * static_cast<double>(cells.side);
  Sketch sketch(fonts, std::max(page.width, 2 * kMargin + plan.beside + side + plan.scale));
  const double top =
      sketch.heading(page, "Confusion of " + count_of(names.size(), "class"), caption_of(table, cells));
  frame.at = {kMargin + plan.beside, top, side, side};
  sketch.add(Raster{frame.at, matrix_image(cells)});
  sketch.frame({frame.at.x - 1, frame.at.y - 1, side + 2, side + 2}, kAxis);
  draw_numbers(sketch, frame, cells);
  draw_names(sketch, frame, cells, names);
  draw_scale(sketch, frame);
  sketch.text_upward("class", {kMargin, top + side / 2}, kTextStyle, kInk, Align::center, side);
  double y = std::ceil(frame.at.bottom() + 6 + frame.name + 4);
  sketch.text("taken for", {frame.at.x + side / 2, y}, kTextStyle, kInk, Align::center);
  y = std::ceil(y + sketch.line_height(kTextStyle) + 14);
  return sketch.finish(draw_pairs(sketch, table, names, y));
}

}  // namespace convoy
