// The picture of logs.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "lib/pictures/curves.h"
#include "tests/support/drawings.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

using test::all_of;
using test::error_of;
using test::expect_tidy;
using test::kOddNames;
using test::kWidths;
using test::label_with;
using test::labels_of;
using test::Pictures;
using test::y_of_tick;

// --- curves

std::vector<LogPoint> make_run(double final_error) {
  std::vector<LogPoint> points;
  for (int i = 1; i <= 40; ++i) {
    LogPoint point{.step = static_cast<std::uint64_t>(100 * i),
                   .epoch = 0.25 * i,
                   .validation = i % 4 == 0,
                   .loss = 2.3 / i};
    point.top1_error = final_error + 0.5 / i;
    point.top5_error = point.top1_error / 4;
    point.learning_rate = i < 20 ? 0.01 : 0.001;
    points.push_back(point);
  }
  return points;
}

TEST_F(Pictures, CurvesGoThroughTheValues) {
  const std::vector<LoggedRun> runs = {{"a", make_run(0.25)}};
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false, .training = false}, page_, fonts_);
  // Two ticks give the scale: the error in per cent, from the bottom to the top.
  const double zero = y_of_tick(drawing, "0");
  const double forty = y_of_tick(drawing, "40");
  std::vector<Point> marks;
  for (const Mark& mark : all_of<Mark>(drawing)) marks.push_back(mark.at);
  ASSERT_EQ(marks.size(), 11U);  // one in the legend, ten validations
  for (std::size_t i = 1; i < marks.size(); ++i) {
    const double error = 100 * (0.25 + 0.5 / static_cast<double>(4 * i));
    EXPECT_NEAR(zero + (forty - zero) * error / 40, marks[i].y, 1.6);
    if (i > 1) {
      EXPECT_NEAR(marks[i].x - marks[i - 1].x, marks[2].x - marks[1].x, 1e-6);
    }
  }
}

TEST_F(Pictures, TrainingAndValidationDifferWithoutColour) {
  const std::vector<LoggedRun> runs = {{"a", make_run(0.2)}, {"b", make_run(0.3)}};
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false}, page_, fonts_);
  std::size_t dashed = 0;
  std::size_t solid = 0;
  for (const Path& path : all_of<Path>(drawing)) {
    if (path.points.size() < 5) continue;  // of the legend and the axes
    ++(path.dashes.empty() ? solid : dashed);
  }
  EXPECT_EQ(dashed, 2U);
  EXPECT_EQ(solid, 2U);
  // Runs differ in their marks, too.
  std::vector<MarkShape> shapes;
  for (const Mark& mark : all_of<Mark>(drawing)) shapes.push_back(mark.shape);
  EXPECT_GT(std::ranges::count(shapes, MarkShape::circle), 3);
  EXPECT_GT(std::ranges::count(shapes, MarkShape::square), 3);
}

TEST_F(Pictures, ValuesThatAreNoNumbersLeaveAGap) {
  std::vector<LoggedRun> runs = {{"a", make_run(0.2)}};
  runs[0].points[20].top1_error = NAN;
  runs[0].points[21].top1_error = INFINITY;
  const Drawing drawing =
      draw_curves(runs, {.loss = false, .rate = false, .validation = false}, page_, fonts_);
  std::size_t pieces = 0;
  for (const Path& path : all_of<Path>(drawing)) {
    if (!path.dashes.empty() && path.points.size() > 2) ++pieces;
    for (const Point& point : path.points) EXPECT_TRUE(std::isfinite(point.x) && std::isfinite(point.y));
  }
  EXPECT_EQ(pieces, 2U);
  for (LogPoint& point : runs[0].points) point.loss = NAN;
  EXPECT_NE(error_of([&] { (void)draw_curves(runs, {}, page_, fonts_); }).find("no value to draw of: loss"),
            std::string::npos);
}

TEST_F(Pictures, ALogOfAMillionRowsTakesNoMoreThanItsPixels) {
  std::vector<LoggedRun> runs = {{"a", {}}};
  std::mt19937_64 random(1);
  for (int i = 1; i <= 1'000'000; ++i) {
    LogPoint point{
        .step = static_cast<std::uint64_t>(i), .epoch = i * 1e-4, .validation = false, .loss = 1.0};
    point.top1_error = std::uniform_real_distribution(0.1, 0.9)(random);
    runs[0].points.push_back(point);
  }
  runs[0].points[500'000].top1_error = 1.0;  // the one peak is kept
  const Drawing drawing = draw_curves(runs, {.loss = false, .rate = false}, page_, fonts_);
  std::size_t points = 0;
  double highest = 1e9;
  for (const Path& path : all_of<Path>(drawing)) {
    points += path.points.size();
    if (path.points.size() > 100) highest = std::ranges::min_element(path.points, {}, &Point::y)->y;
  }
  EXPECT_LT(points, 4 * page_.width);
  EXPECT_NEAR(highest, y_of_tick(drawing, "100"), 1.0);
}

TEST_F(Pictures, CurvesOfManyRunsWithOddNamesAreTidy) {
  for (const double width : kWidths) {
    page_.width = width;
    for (const std::size_t count : {1U, 3U, 8U, 30U}) {
      std::vector<LoggedRun> runs;
      for (std::size_t i = 0; i < count; ++i)
        runs.push_back({kOddNames[i % kOddNames.size()], make_run(0.01 * static_cast<double>(i + 1))});
      expect_tidy(draw_curves(runs, {.top5 = true, .steps = count % 2 == 1}, page_, fonts_),
                  std::to_string(count) + " runs at " + std::to_string(width));
    }
  }
}

// A run that begins at `first` and is at 0.2 from its third point of 40 on.
std::vector<LogPoint> make_falling_run(double first) {
  std::vector<LogPoint> points;
  for (int i = 1; i <= 40; ++i) {
    LogPoint point{.step = static_cast<std::uint64_t>(i),
                   .epoch = 0.25 * i,
                   .validation = false,
                   .loss = i < 3 ? 50.0 : 1.0};
    point.top1_error = i < 3 ? first : 0.2;
    points.push_back(point);
  }
  return points;
}

TEST_F(Pictures, AnAxisReachesToWhatComesAfterTheFirstTenth) {
  const std::vector<LoggedRun> runs = {{"a", make_falling_run(1.0)}};
  CurveOptions options{.loss = false, .rate = false};
  const Drawing late = draw_curves(runs, options, page_, fonts_);
  const double zero = y_of_tick(late, "0");
  const double top = y_of_tick(late, "20");
  EXPECT_EQ(label_with(labels_of(late), "100"), nullptr);
  // The line enters the panel at its top and keeps within it; no mark stands outside.
  const Path* curve = nullptr;
  const std::vector<Path> paths = all_of<Path>(late);
  for (const Path& path : paths) {
    if (path.points.size() > 30) curve = &path;
  }
  ASSERT_NE(curve, nullptr);
  for (const Point& point : curve->points) {
    EXPECT_GE(point.y, top - 1.1);
    EXPECT_LE(point.y, zero + 1.1);
  }
  const std::vector<Mark> marks = all_of<Mark>(late);
  ASSERT_GT(marks.size(), 3U);
  for (std::size_t i = 1; i < marks.size(); ++i) EXPECT_GE(marks[i].at.y, top - 1.1);
  // The whole run, if that is asked for.
  options.whole = true;
  const Drawing whole = draw_curves(runs, options, page_, fonts_);
  EXPECT_LT(y_of_tick(whole, "100"), y_of_tick(whole, "20"));
}

TEST_F(Pictures, AnAxisIsNotShortenedForLittleNorForADivergedRun) {
  const CurveOptions options{.loss = false, .rate = false};
  // From 22 to 20 per cent is nothing that would hide the rest.
  const Drawing flat = draw_curves({{"a", make_falling_run(0.22)}}, options, page_, fonts_);
  EXPECT_NE(label_with(labels_of(flat), "25"), nullptr);
  // What a run was before it diverged stays, beside a run that falls.
  std::vector<LogPoint> diverged = make_falling_run(0.9);
  for (std::size_t i = 2; i < diverged.size(); ++i) diverged[i].top1_error = NAN;
  const Drawing both =
      draw_curves({{"a", make_falling_run(1.0)}, {"b", std::move(diverged)}}, options, page_, fonts_);
  EXPECT_NE(label_with(labels_of(both), "80"), nullptr);
}

TEST_F(Pictures, ALineThatLeavesAPanelMeetsItsTopWhereTheValueDoes) {
  std::vector<LogPoint> points = make_falling_run(0.2);
  points[0].top1_error = 0.6;  // at 0.25 epochs, and 0.2 at 0.5
  const Drawing drawing = draw_curves({{"a", points}}, {.loss = false, .rate = false}, page_, fonts_);
  const double zero = y_of_tick(drawing, "0");
  const double ten = y_of_tick(drawing, "10");
  const std::vector<Path> paths = all_of<Path>(drawing);
  const auto curve = std::ranges::find_if(paths, [](const Path& path) { return path.points.size() > 30; });
  ASSERT_NE(curve, paths.end());
  // The axis ends at 20 per cent, where the line from 60 to 20 ends, too.
  EXPECT_NEAR(curve->points.front().y, zero + 2 * (ten - zero), 1.6);
  EXPECT_NEAR(curve->points.front().x, curve->points[1].x, 1e-6);
}

TEST_F(Pictures, AnAxisOfNothingBut0HasNothingBelowIt) {
  std::vector<LogPoint> points = make_run(0.2);
  for (LogPoint& point : points) point.top5_error = point.learning_rate = 0;
  const Drawing drawing =
      draw_curves({{"a", points}}, {.error = false, .top5 = true, .loss = false}, page_, fonts_);
  for (const Label& label : labels_of(drawing)) EXPECT_NE(label.text.front(), '-') << label.text;
}

TEST_F(Pictures, TheLegendNamesOnlyTheSetsOfTheLogs) {
  std::vector<LogPoint> points = make_run(0.2);
  std::erase_if(points, [](const LogPoint& point) { return point.validation; });
  const auto labels = labels_of(draw_curves({{"a", points}}, {}, page_, fonts_));
  EXPECT_NE(label_with(labels, "training"), nullptr);
  EXPECT_EQ(label_with(labels, "validation"), nullptr);
}

TEST(Curves, RunsAreCalledByWhatTellsThemApart) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(run_names({"runs/relu.tsv"}), Names{"relu"});
  EXPECT_EQ(run_names({"relu.tsv", "tanh.tsv"}), (Names{"relu", "tanh"}));
  EXPECT_EQ(run_names({"runs/relu/log.tsv", "runs/tanh/log.tsv"}), (Names{"relu", "tanh"}));
  EXPECT_EQ(run_names({"a/x.tsv", "b/x.tsv", "c/y.tsv"}), (Names{"a/x", "b/x", "c/y"}));
  EXPECT_EQ(run_names({"log.tsv", "log.tsv"}), (Names{"log", "log"}));
  EXPECT_EQ(run_names({"-"}), Names{"stdin"});
}

}  // namespace
}  // namespace convoy
