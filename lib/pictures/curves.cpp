#include "lib/pictures/curves.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <functional>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/pictures/plot.h"

namespace convoy {
namespace {

constexpr double kPanelGap = 18;
constexpr double kLineWidth = 1.8;
constexpr double kThinLine = 1.1;
constexpr double kMarkSize = 6.5;
constexpr double kMarkEvery = 26;    // marks of a curve stand at least so far apart
constexpr double kHollowEvery = 70;  // those of the training set
const std::vector<double> kDashes = {4, 2.5};

constexpr std::array kShapes = {MarkShape::circle,  MarkShape::square, MarkShape::triangle,
                                MarkShape::diamond, MarkShape::cross,  MarkShape::inverted_triangle};

// How a run is drawn. The numbers of colours and shapes have no common divisor, so that no two of the first
// 42 runs look alike.
Color color_of(std::size_t run) { return kSeries[run % kSeries.size()]; }
MarkShape shape_of(std::size_t run) { return kShapes[run % kShapes.size()]; }

struct Panel {
  std::string title;
  std::function<double(const LogPoint&)> value;
  bool logarithmic = false;
  bool sets = true;    // whether training and validation differ in it
  bool falls = false;  // much at the beginning of a run, where its lines may leave the panel
  double height = 1;   // beside others
};

// What a panel shows of a point; nothing if it has no place on the axis.
bool shows(const Panel& panel, double value) {
  return std::isfinite(value) && (!panel.logarithmic || value > 0);
}

bool takes(const CurveOptions& options, const Panel& panel, const LogPoint& point) {
  if (!panel.sets) return true;
  return point.validation ? options.validation : options.training;
}

double x_of(const CurveOptions& options, const LogPoint& point) {
  return options.steps ? static_cast<double>(point.step) : point.epoch;
}

struct Bounds {
  double low = HUGE_VAL;
  double high = -HUGE_VAL;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool any() const { return low <= high; }
};

Bounds bounds_of(const std::vector<LoggedRun>& runs, const CurveOptions& options, const Panel& panel,
                 const std::function<double(const LogPoint&)>& of) {
  Bounds bounds;
  for (const LoggedRun& run : runs) {
    for (const LogPoint& point : run.points) {
      if (takes(options, panel, point) && shows(panel, panel.value(point)) &&
          std::isfinite(x_of(options, point))) {
        bounds.add(of(point));
      }
    }
  }
  return bounds;
}

// How high an axis reaches: to the highest value after the first tenth of each run, if that makes the picture
// clearly larger, for an untrained net would take most of the panel and leave little of it to what follows.
double high_of(const std::vector<LoggedRun>& runs, const CurveOptions& options, const Panel& panel) {
  constexpr double kBeginning = 0.1;
  constexpr double kWorthwhile = 0.8;
  const double whole = bounds_of(runs, options, panel, panel.value).high;
  if (options.whole || !panel.falls || panel.logarithmic) return whole;
  Bounds later;
  for (const LoggedRun& run : runs) {
    double last = 0;
    for (const LogPoint& point : run.points) {
      if (std::isfinite(x_of(options, point))) last = std::max(last, x_of(options, point));
    }
    Bounds all;
    Bounds own;
    for (const LogPoint& point : run.points) {
      const double x = x_of(options, point);
      const double value = panel.value(point);
      if (!takes(options, panel, point) || !shows(panel, value) || !std::isfinite(x)) continue;
      all.add(value);
      if (x >= kBeginning * last) own.add(value);
    }
    // Of a run that has diverged by then, everything is shown.
    if (all.any()) later.add(own.any() ? own.high : all.high);
  }
  return later.high > 0 && later.high < kWorthwhile * whole ? later.high : whole;
}

std::vector<Panel> panels_of(const std::vector<LoggedRun>& runs, const CurveOptions& options) {
  constexpr double kPercent = 100;
  constexpr double kManifold = 4;  // from which the learning rate is drawn on a logarithmic scale
  std::vector<Panel> panels;
  const bool both = options.error && options.top5;
  if (options.error) {
    panels.push_back({.title = both ? "top-1 error (%)" : "error (%)",
                      .value = [](const LogPoint& point) { return kPercent * point.top1_error; },
                      .falls = true,
                      .height = 1.6});
  }
  if (options.top5) {
    panels.push_back({.title = "top-5 error (%)",
                      .value = [](const LogPoint& point) { return kPercent * point.top5_error; },
                      .falls = true,
                      .height = 1.6});
  }
  if (options.loss) {
    panels.push_back({.title = "loss (nats)",
                      .value = [](const LogPoint& point) { return point.loss; },
                      .logarithmic = options.log_loss,
                      .falls = true,
                      .height = 1.2});
  }
  if (options.rate) {
    Panel rate{.title = "learning rate",
               .value = [](const LogPoint& point) { return point.learning_rate; },
               .sets = false,
               .height = 0.7};
    const Bounds rates = bounds_of(runs, options, rate, rate.value);
    rate.logarithmic = rates.low > 0 && rates.high > kManifold * rates.low;
    panels.push_back(rate);
  }
  return panels;
}

// Points of one curve, with gaps where values are missing.
using Pieces = std::vector<std::vector<Point>>;

// Of many points in one column of pixels, those that its line goes through: the first, the lowest, the
// highest and the last. A log of a million steps then takes no more than one of a thousand.
void thin_out(std::vector<Point>& points) {
  std::vector<Point> kept;
  for (std::size_t first = 0; first < points.size();) {
    std::size_t end = first;
    std::size_t low = first;
    std::size_t high = first;
    while (end < points.size() && std::floor(points[end].x) == std::floor(points[first].x)) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
      ++end;
    }
    std::vector<std::size_t> chosen = {first, low, high, end - 1};
    std::ranges::sort(chosen);
    chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
    for (const std::size_t i : chosen) kept.push_back(points[i]);
    first = end;
  }
  points = std::move(kept);
}

Pieces pieces_of(const LoggedRun& run, const Panel& panel, const CurveOptions& options, const Plot& plot,
                 const std::function<bool(const LogPoint&)>& chosen) {
  Pieces pieces(1);
  for (const LogPoint& point : run.points) {
    if (!chosen(point)) continue;
    const double value = panel.value(point);
    const double x = x_of(options, point);
    if (!shows(panel, value) || !std::isfinite(x)) {
      if (!pieces.back().empty()) pieces.emplace_back();
      continue;
    }
    pieces.back().push_back(plot.at(x, value));
  }
  if (pieces.back().empty()) pieces.pop_back();
  for (std::vector<Point>& piece : pieces) thin_out(piece);
  return pieces;
}

// Whether a point is above the frame, where nothing is drawn.
bool leaves(const Point& point, const Rect& frame) {
  constexpr double kHair = 1e-6;
  return point.y < frame.y - kHair;
}

// Adds the parts of a line that are within the frame: it may leave it at the top.
void add_line(Sketch& sketch, const std::vector<Point>& points, const Rect& frame, const Path& like) {
  std::vector<Point> part;
  const auto end_part = [&] {
    if (part.size() > 1) sketch.add(Path{part, like.color, like.width, like.dashes});
    part.clear();
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool out = leaves(points[i], frame);
    if (i > 0 && out != leaves(points[i - 1], frame)) {
      const Point& a = points[i - 1];
      const Point& b = points[i];
      part.push_back({a.x + (b.x - a.x) * ((frame.y - a.y) / (b.y - a.y)), frame.y});
    }
    out ? end_part() : part.push_back(points[i]);
  }
  end_part();
}

// Marks of a run stand where those of other runs do not, if their points are dense.
void add_marks(Sketch& sketch, const Pieces& pieces, const Rect& frame, std::size_t run, std::size_t runs,
               bool hollow) {
  const double every = hollow ? kHollowEvery : kMarkEvery;
  double next = hollow ? every * static_cast<double>(run + 1) / static_cast<double>(runs + 1) : -HUGE_VAL;
  bool first = true;
  for (const std::vector<Point>& piece : pieces) {
    for (const Point& point : piece) {
      if (first && hollow) {
        next += point.x;
        first = false;
      }
      // A point on its own would not be seen as a line.
      if ((point.x < next && piece.size() > 1) || leaves(point, frame)) continue;
      sketch.add(Mark{point, shape_of(run), kMarkSize, color_of(run), hollow});
      next = point.x + every;
    }
  }
}

void draw_set(Sketch& sketch, const std::vector<LoggedRun>& runs, const Panel& panel,
              const CurveOptions& options, const Plot& plot, bool validation) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Pieces pieces = pieces_of(runs[i], panel, options, plot,
                                    [&](const LogPoint& point) { return point.validation == validation; });
    for (const std::vector<Point>& piece : pieces) {
      if (piece.size() < 2) continue;
      add_line(
          sketch, piece, plot.frame,
          validation ? Path{{}, color_of(i), kLineWidth, {}} : Path{{}, color_of(i), kThinLine, kDashes});
    }
    add_marks(sketch, pieces, plot.frame, i, runs.size(), !validation);
  }
}

// The learning rate: a line that steps, for it holds until it is changed.
void draw_rate(Sketch& sketch, const std::vector<LoggedRun>& runs, const Panel& panel,
               const CurveOptions& options, const Plot& plot) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const Pieces pieces = pieces_of(runs[i], panel, options, plot, [](const LogPoint&) { return true; });
    for (const std::vector<Point>& piece : pieces) {
      if (piece.size() < 2) continue;
      std::vector<Point> steps;
      for (const Point& point : piece) {
        if (!steps.empty() && steps.back().y != point.y) steps.push_back({point.x, steps.back().y});
        steps.push_back(point);
      }
      // Runs often have the same rates: an earlier line is wider, so that it is seen beside those on it.
      const double wider = kLineWidth * static_cast<double>(std::min<std::size_t>(runs.size() - 1 - i, 3));
      sketch.add(Path{std::move(steps), color_of(i), kLineWidth + wider, {}});
    }
    add_marks(sketch, pieces, plot.frame, i, runs.size(), true);
  }
}

constexpr double kSample = 30;  // of a line in the legend
constexpr double kSampleGap = 6;
constexpr double kEntryGap = 20;

// One entry of the legend: a run, or a kind of line.
struct Entry {
  std::string text;
  std::size_t run = 0;
  bool dashed = false;
  bool marked = true;
  Color color = kSoftInk;
};

std::vector<Entry> entries_of(const std::vector<LoggedRun>& runs, const CurveOptions& options) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    entries.push_back({.text = runs[i].name, .run = i, .color = color_of(i)});
  }
  const bool sets = options.error || options.top5 || options.loss;
  const auto has = [&](bool validation) {
    return std::ranges::any_of(runs, [&](const LoggedRun& run) {
      return std::ranges::any_of(run.points,
                                 [&](const LogPoint& point) { return point.validation == validation; });
    });
  };
  if (sets && options.training && has(false))
    entries.push_back({.text = "training", .dashed = true, .marked = false});
  if (sets && options.validation && has(true)) entries.push_back({.text = "validation", .marked = false});
  return entries;
}

// Lines of entries side by side. Returns their bottom.
double draw_legend(Sketch& sketch, const std::vector<Entry>& entries, double y) {
  const double line = std::ceil(sketch.line_height(kTextStyle) + 4);
  const double most = sketch.inner_width() - kSample - kSampleGap;
  double x = kMargin;
  for (const Entry& entry : entries) {
    const double width = kSample + kSampleGap + std::min(sketch.measure(entry.text, kTextStyle).width, most);
    if (x > kMargin && x + width > sketch.width() - kMargin) {
      x = kMargin;
      y += line;
    }
    const double middle = y + line / 2;
    sketch.add(Path{{{x, middle}, {x + kSample, middle}},
                    entry.color,
                    entry.dashed ? kThinLine : kLineWidth,
                    entry.dashed ? kDashes : std::vector<double>{}});
    if (entry.marked) {
      sketch.add(Mark{{x + kSample / 2, middle}, shape_of(entry.run), kMarkSize, entry.color, false});
    }
    sketch.text_beside(entry.text, {x + kSample + kSampleGap, middle}, kTextStyle, kInk, Align::left, most);
    x += width + kEntryGap;
  }
  return y + line;
}

// The axes of all panels, which share the room beside the frames.
std::vector<Plot> plan_plots(const Sketch& sketch, const std::vector<LoggedRun>& runs,
                             const std::vector<Panel>& panels, const CurveOptions& options, double top) {
  constexpr double kUnit = 0.17;  // of the width: the height of a panel of height 1
  constexpr double kLeastUnit = 70;
  constexpr double kTickEvery = 34;
  constexpr double kWideTickEvery = 70;
  const double unit = std::max(kLeastUnit, kUnit * sketch.width());
  std::vector<Plot> plots;
  Bounds all_x;
  for (const Panel& panel : panels) {
    Plot plot;
    // High enough for its title, which reads upwards.
    plot.frame.height =
        std::round(std::max(unit * panel.height, sketch.measure(panel.title, kTextStyle).width + 4));
    const Bounds values = bounds_of(runs, options, panel, panel.value);
    if (!values.any()) throw Error("curves", "there is no value to draw of: " + panel.title);
    const Bounds places =
        bounds_of(runs, options, panel, [&](const LogPoint& point) { return x_of(options, point); });
    all_x.add(places.low);
    all_x.add(places.high);
    const int ticks = std::max(2, static_cast<int>(plot.frame.height / kTickEvery) + 1);
    const double low = panel.logarithmic ? values.low : std::min(values.low, 0.0);
    const double high = high_of(runs, options, panel);
    // Nothing but 0, as the top-5 error of five classes: none of these values can be below it.
    plot.y =
        low == 0 && high == 0 ? axis_around(0, 1, ticks) : axis_around(low, high, ticks, panel.logarithmic);
    plot.y.title = panel.title;
    plots.push_back(plot);
  }
  double beside = 0;
  for (const Plot& plot : plots) beside = std::max(beside, room_beside(sketch, plot.y));
  const double left = kMargin + beside;
  const double frame_width = std::max(sketch.width() - kMargin - left, 1.0);
  Axis x;
  // It begins at 0 as training does, and ends where the runs do.
  x.low = std::min(0.0, all_x.low);
  x.high = all_x.high > x.low ? all_x.high : x.low + 1;
  x.ticks = round_ticks(x.low, x.high, std::max(2, static_cast<int>(frame_width / kWideTickEvery)));
  x.title = options.steps ? "step" : "epoch";
  double y = top;
  for (Plot& plot : plots) {
    plot.x = x;
    plot.frame = {left, y, frame_width, plot.frame.height};
    y += plot.frame.height + kPanelGap;
  }
  return plots;
}

}  // namespace

std::vector<std::string> run_names(const std::vector<std::string>& paths) {
  std::vector<std::vector<std::string>> parts;
  for (const std::string& path : paths) {
    std::vector<std::string> own;
    for (const auto& part : std::filesystem::path(display_name(path)).lexically_normal())
      own.push_back(part.string());
    if (own.empty()) own.emplace_back(path);
    parts.push_back(own);
  }
  const auto all_have = [&](auto part_of) {
    return std::ranges::all_of(
        parts, [&](const auto& own) { return own.size() > 1 && part_of(own) == part_of(parts.front()); });
  };
  if (parts.size() > 1) {
    while (all_have([](const auto& own) { return own.front(); })) {
      for (auto& own : parts) own.erase(own.begin());
    }
    while (all_have([](const auto& own) { return own.back(); })) {
      for (auto& own : parts) own.pop_back();
    }
  } else if (parts.size() == 1) {
    parts.front().erase(parts.front().begin(), parts.front().end() - 1);
  }
  std::vector<std::string> names;
  for (const auto& own : parts) {
    std::filesystem::path name;
    for (const std::string& part : own) name /= part;
    std::string text = name.string();
    constexpr std::string_view kExtension = ".tsv";
    if (text.size() > kExtension.size() && text.ends_with(kExtension))
      text.resize(text.size() - kExtension.size());
    names.push_back(text);
  }
  return names;
}

Drawing draw_curves(const std::vector<LoggedRun>& runs, const CurveOptions& options, const Page& page,
                    const Fonts& fonts) {
  const std::vector<Panel> panels = panels_of(runs, options);
  Sketch sketch(fonts, page.width);
  double y = sketch.heading(page, "", "");
  y = std::ceil(draw_legend(sketch, entries_of(runs, options), y) + kPanelGap / 2);
  const std::vector<Plot> plots = plan_plots(sketch, runs, panels, options, y);
  for (std::size_t i = 0; i < panels.size(); ++i) {
    draw_axes(sketch, plots[i], i + 1 == panels.size());
    if (!panels[i].sets) {
      draw_rate(sketch, runs, panels[i], options, plots[i]);
      continue;
    }
    if (options.training) draw_set(sketch, runs, panels[i], options, plots[i], false);
    if (options.validation) draw_set(sketch, runs, panels[i], options, plots[i], true);
  }
  const Plot& last = plots.back();
  return sketch.finish(last.frame.bottom() + room_below(sketch, last.x, true));
}

}  // namespace convoy
