#include "lib/pictures/net_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/base/text.h"
#include "lib/net/describe.h"
#include "lib/pictures/axis.h"

namespace convoy {
namespace {

// A row of the table.
struct Row {
  std::string name;
  std::string text;
  Extent out;
  std::array<std::uint64_t, 3> figures{};  // values of the output, parameters, multiply-adds
};
constexpr std::array kFigureNames = {"values", "parameters", "multiply-adds"};

std::string side_text(int height, int width) { return std::to_string(height) + "x" + std::to_string(width); }

std::string filter_words(const FilterSpec& filters) {
  std::string text = " " + side_text(filters.kernel_height, filters.kernel_width);
  if (filters.stride != 1) text += ", stride " + std::to_string(filters.stride);
  if (filters.groups != 1) text += ", " + std::to_string(filters.groups) + " groups";
  return text;
}

// The words of a layer's line after its kind and name, as far as they say what it is and not how it learns.
std::string shape_words(const LayerSpec& layer) {
  std::string text;
  if (const auto* conv = std::get_if<ConvSpec>(&layer.kind)) {
    text = filter_words(*conv);
  } else if (const auto* local = std::get_if<LocalSpec>(&layer.kind)) {
    text = filter_words(*local);
  } else if (const auto* pool = std::get_if<PoolSpec>(&layer.kind)) {
    text = " " + side_text(pool->kernel_height, pool->kernel_width);
    if (pool->stride != 1) text += ", stride " + std::to_string(pool->stride);
  } else if (const auto* lrn = std::get_if<LrnSpec>(&layer.kind)) {
    text = " over " + std::to_string(lrn->size);
    if (lrn->groups != 1) text += ", " + std::to_string(lrn->groups) + " groups";
  } else if (const auto* map = std::get_if<LrnMapSpec>(&layer.kind)) {
    text = " over " + side_text(map->size, map->size);
  } else if (const auto* dropout = std::get_if<DropoutSpec>(&layer.kind)) {
    text = format(" %g", dropout->drop);
  }
  return text;
}

std::vector<Row> rows_of(const NetSpec& net) {
  std::vector<std::uint64_t> parameters(net.layers.size());
  for (const ParameterInfo& parameter : parameters_of(net))
    parameters[parameter.layer] += parameter.elements();
  std::vector<Row> rows = {
      {.name = "input",
       .text = net.input.stored == net.input.crop ? "" : "crop of " + text_of(net.input.stored),
       .out = net.input.crop,
       .figures = {static_cast<std::uint64_t>(net.input.crop.elements()), 0, 0}}};
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerSpec& layer = net.layers[i];
    rows.push_back({.name = layer.name,
                    .text = layer_text(layer),
                    .out = layer.out,
                    .figures = {static_cast<std::uint64_t>(layer.out.elements()), parameters[i],
                                static_cast<std::uint64_t>(multiply_adds(layer))}});
  }
  return rows;
}

// "1.2 k", "61.0 M", so that a column is narrow; small numbers as they are.
std::string short_count(std::uint64_t value) {
  constexpr std::array kUnits = {" k", " M", " G", " T", " P", " E"};
  constexpr std::uint64_t kThousand = 1000;
  if (value < kThousand) return std::to_string(value);
  double number = static_cast<double>(value);
  std::size_t unit = 0;
  for (number /= kThousand; number >= 999.5 && unit + 1 < kUnits.size(); ++unit) number /= kThousand;
  return format(number < 9.995 ? "%.2f" : number < 99.95 ? "%.1f" : "%.0f", number) + kUnits[unit];
}

// Where the columns begin, and how wide they are.
struct Columns {
  std::array<double, 3> left{};  // name, what it is, output
  std::array<double, 3> width{};
  std::array<double, 3> bar_left{};  // the figures
  double bar = 0;                    // longest bar
  double number = 0;                 // the widest number, right of a bar
  double right = 0;
};
constexpr double kColumnGap = 16;
constexpr double kNumberGap = 5;

Columns plan_columns(const Sketch& sketch, const std::vector<Row>& rows, std::uint64_t greatest) {
  constexpr double kMostText = 220;
  constexpr double kLeastBar = 40;
  Columns columns;
  const auto widen = [&](double& width, const std::string& text, const TextStyle& style) {
    width = std::max(width, std::min(std::ceil(sketch.measure(text, style).width), kMostText));
  };
  widen(columns.width[0], "layer", kSmallStyle);
  widen(columns.width[2], "output", kSmallStyle);
  for (const Row& row : rows) {
    widen(columns.width[0], row.name, kStrongStyle);
    widen(columns.width[1], row.text, kTextStyle);
    widen(columns.width[2], text_of(row.out), kTextStyle);
    for (const std::uint64_t figure : row.figures) widen(columns.number, short_count(figure), kTextStyle);
  }
  widen(columns.number, short_count(greatest), kStrongStyle);
  double x = kMargin + 4;
  for (std::size_t i = 0; i < columns.left.size(); ++i) {
    columns.left[i] = x;
    x += columns.width[i] + (columns.width[i] > 0 ? kColumnGap : 0);
  }
  double heading = 0;
  for (const char* name : kFigureNames)
    heading = std::max(heading, std::ceil(sketch.measure(name, kSmallStyle).width));
  const double rest = (sketch.width() - kMargin - 4 - x - 2 * kColumnGap) / 3;
  columns.bar = std::max(
      {std::floor(rest - kNumberGap - columns.number), kLeastBar, heading - kNumberGap - columns.number});
  for (double& left : columns.bar_left) {
    left = x;
    x += columns.bar + kNumberGap + columns.number + kColumnGap;
  }
  columns.right = x - kColumnGap + 4;
  return columns;
}

void draw_row(Sketch& sketch, const Columns& columns, const Row& row,
              const std::array<std::uint64_t, 3>& most, double y, double height, const TextStyle& style) {
  const double middle = y + height / 2;
  sketch.text_beside(row.name, {columns.left[0], middle}, kStrongStyle, kInk, Align::left,
                     columns.width[0] + 1);
  sketch.text_beside(row.text, {columns.left[1], middle}, style, kInk, Align::left, columns.width[1] + 1);
  if (row.out.channels > 0) sketch.text_beside(text_of(row.out), {columns.left[2], middle}, style);
  for (std::size_t i = 0; i < row.figures.size(); ++i) {
    double length = 0;
    if (most[i] > 0 && row.figures[i] > 0) {
      length = columns.bar * static_cast<double>(row.figures[i]) / static_cast<double>(most[i]);
      constexpr double kLeast = 1;  // something is there
      sketch.box({columns.bar_left[i], y + 4, std::max(length, kLeast), height - 8}, kBar);
    }
    if (row.figures[i] > 0) {
      sketch.text_beside(short_count(row.figures[i]), {columns.bar_left[i] + length + kNumberGap, middle},
                         style);
    }
  }
}

}  // namespace

std::string layer_text(const LayerSpec& layer) {
  return std::string(kind_name(layer.kind)) + shape_words(layer);
}

Drawing draw_net(const NetSpec& net, const std::string& name, const Page& page, const Fonts& fonts) {
  const std::vector<Row> rows = rows_of(net);
  const NetCost cost = cost_of(net);
  const auto sum = static_cast<std::uint64_t>(cost.forward_flop / kFlopPerMultiplyAdd);
  const std::array<std::uint64_t, 3> totals = {cost.activations, cost.parameters, sum};

  Sketch measuring(fonts, page.width);
  const Columns columns = plan_columns(measuring, rows, *std::ranges::max_element(totals));
  Sketch sketch(fonts, std::max(page.width, std::ceil(columns.right + kMargin)));
  const std::string caption =
      grouped(cost.parameters) + " parameters; for an image " + grouped(sum) + " multiply-adds forward, " +
      format("%.3g", static_cast<double>(cost.training_flop) * 1e-9) +
      " GFLOP in training. Height x width x channels; bars within a column have one scale.";
  double y = sketch.heading(page, name, caption);

  const double small = sketch.line_height(kSmallStyle);
  sketch.text("layer", {columns.left[0], y}, kSmallStyle, kSoftInk);
  sketch.text("output", {columns.left[2], y}, kSmallStyle, kSoftInk);
  for (std::size_t i = 0; i < kFigureNames.size(); ++i) {
    sketch.text(kFigureNames[i], {columns.bar_left[i], y}, kSmallStyle, kSoftInk);
  }
  y = std::ceil(y + small + 3);
  sketch.line({kMargin, y + 0.5}, {columns.right, y + 0.5}, kAxis);
  y += 2;

  std::array<std::uint64_t, 3> most{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < most.size(); ++i) most[i] = std::max(most[i], row.figures[i]);
  }
  const double height = std::ceil(sketch.line_height(kTextStyle) + 6);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i % 2 == 1) sketch.box({kMargin, y, columns.right - kMargin, height}, kBand);
    draw_row(sketch, columns, rows[i], most, y, height, kTextStyle);
    y += height;
  }
  sketch.line({kMargin, y + 0.5}, {columns.right, y + 0.5}, kAxis);
  y += 2;
  const double middle = y + height / 2;
  sketch.text_beside("total", {columns.left[0], middle}, kStrongStyle);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    sketch.text_beside(short_count(totals[i]), {columns.bar_left[i], middle}, kStrongStyle);
  }
  return sketch.finish(y + height);
}

}  // namespace convoy
