#include "lib/pictures/result_pictures.h"

#include <algorithm>
#include <cmath>

#include "lib/base/text.h"
#include "lib/pictures/axis.h"

namespace convoy {
namespace {

constexpr double kCellGap = 20;
constexpr double kPercent = 100;
constexpr Color kNoImage{236, 236, 236};

// The image in the middle of a square, or a crossed square if there is none.
void draw_thumbnail(Sketch& sketch, const Thumbnail& thumbnail, Point at, int side, int scale) {
  const Rect square{at.x, at.y, static_cast<double>(side), static_cast<double>(side)};
  if (thumbnail.image.pixels.empty()) {
    sketch.box(square, kNoImage);
    sketch.line({square.x, square.y}, {square.right(), square.bottom()}, kAxis);
    sketch.line({square.x, square.bottom()}, {square.right(), square.y}, kAxis);
    sketch.frame(square, kAxis);
    return;
  }
  const Image& image = thumbnail.image;
  const int zoom = zoom_for(image, side * scale);
  const double width = static_cast<double>(image.width * zoom) / scale;
  const double height = static_cast<double>(image.height * zoom) / scale;
  sketch.add(Raster{
      {std::floor(at.x + (side - width) / 2), std::floor(at.y + (side - height) / 2), width, height}, image});
}

// A bar of a class, with its name on it. Returns the bottom.
double draw_bar(Sketch& sketch, const PredictedImage::Bar& bar, const Rect& at) {
  constexpr double kInset = 5;
  const double middle = at.y + at.height / 2;
  sketch.box(at, kBand);
  double figure = 0;
  const TextStyle& style = bar.right ? kStrongStyle : kTextStyle;
  if (bar.probability >= 0) {
    const double length = at.width * std::min(bar.probability, 1.0);
    if (length > 0)
      sketch.box({at.x, at.y, std::max(length, 1.0), at.height}, bar.right ? kRightBar : kOtherBar);
    const double share = kPercent * bar.probability;
    const std::string text = share > 0 && share < 0.95 ? "<1 %" : format("%.0f %%", share);
    figure =
        sketch.text_beside(text, {at.right() - kInset, middle}, style, kInk, Align::right).width + kInset;
  } else if (bar.right) {
    sketch.box(at, kRightBar);
  }
  sketch.text_beside(bar.name, {at.x + kInset, middle}, style, kInk, Align::left,
                     at.width - figure - 2 * kInset);
  return at.bottom();
}

}  // namespace

ImageGrid prediction_grid(const Page& page, std::uint64_t columns, std::size_t images) {
  constexpr double kCell = 172;       // of a picture that is as wide as it likes
  constexpr double kLeastCell = 110;  // names are cut short in it, but can be read
  constexpr double kMostSide = 172;
  const double room = page.width - 2 * kMargin;
  ImageGrid grid;
  const double fitting = std::max(1.0, std::floor((room + kCellGap) / (kCell + kCellGap)));
  grid.columns = columns > 0 ? static_cast<int>(columns) : static_cast<int>(fitting);
  grid.columns = std::clamp(grid.columns, 1,
                            static_cast<int>(std::max<std::size_t>(std::min<std::size_t>(images, 1000), 1)));
  grid.cell = std::max(std::floor((room + kCellGap) / grid.columns - kCellGap), kLeastCell);
  if (columns == 0) grid.cell = std::min(grid.cell, 1.5 * kCell);
  grid.side = static_cast<int>(std::min(grid.cell, kMostSide));
  return grid;
}

Drawing draw_predictions(const std::vector<PredictedImage>& images, const ImageGrid& grid, const Page& page,
                         const Fonts& fonts) {
  const double needed = grid.columns * (grid.cell + kCellGap) - kCellGap + 2 * kMargin;
  Sketch sketch(fonts, std::max(page.width, needed));
  std::size_t bars = 0;
  bool named = false;
  for (const PredictedImage& image : images) {
    bars = std::max(bars, image.bars.size());
    named = named || !image.truth.empty();
  }
  const double caption = std::ceil(sketch.line_height(kStrongStyle) + 4);
  const double bar = std::ceil(sketch.line_height(kTextStyle) + 4);
  const double pitch = grid.side + 6 + caption + static_cast<double>(bars) * (bar + 2) + kCellGap;
  const double top =
      sketch.heading(page, "",
                     named ? "Under each image its class, and the classes that the net holds likeliest; "
                             "the right one is dark, and in bold letters."
                           : "Under each image the classes that the net holds likeliest.");
  for (std::size_t i = 0; i < images.size(); ++i) {
    const PredictedImage& image = images[i];
    const auto columns = static_cast<std::size_t>(grid.columns);
    const double left = kMargin + static_cast<double>(i % columns) * (grid.cell + kCellGap);
    double y = top + static_cast<double>(i / columns) * pitch;
    draw_thumbnail(sketch, *image.thumbnail, {std::floor(left + (grid.cell - grid.side) / 2), y}, grid.side,
                   page.scale);
    y += grid.side + 6;
    const bool known = !image.truth.empty();
    sketch.text(known ? image.truth : image.caption, {left + grid.cell / 2, y},
                known ? kStrongStyle : kTextStyle, known ? kInk : kSoftInk, Align::center, grid.cell);
    y += caption;
    for (const PredictedImage::Bar& one : image.bars)
      y = draw_bar(sketch, one, {left, y, grid.cell, bar}) + 2;
  }
  const std::size_t rows =
      (images.size() + static_cast<std::size_t>(grid.columns) - 1) / static_cast<std::size_t>(grid.columns);
  return sketch.finish(top + static_cast<double>(rows) * pitch - kCellGap);
}

namespace {
constexpr double kNearGap = 8;
constexpr double kQueryGap = 24;  // between an image and those nearest to it
}  // namespace

ImageGrid neighbour_grid(const Page& page, std::size_t near) {
  constexpr double kLeastSide = 56;
  constexpr double kMostSide = 140;
  ImageGrid grid;
  grid.columns = static_cast<int>(std::min<std::size_t>(near, 1000)) + 1;
  const double room = page.width - 2 * kMargin - kQueryGap - (grid.columns - 2) * kNearGap;
  grid.side = static_cast<int>(std::clamp(std::floor(room / grid.columns), kLeastSide, kMostSide));
  grid.cell = grid.side;
  return grid;
}

Drawing draw_neighbours(const std::vector<NeighbourRow>& rows, const ImageGrid& grid, const Page& page,
                        const Fonts& fonts) {
  const double needed = 2 * kMargin + grid.columns * grid.cell + (grid.columns - 2) * kNearGap + kQueryGap;
  Sketch sketch(fonts, std::max(page.width, needed));
  const double line = std::ceil(sketch.line_height(kSmallStyle) + 1);
  const double pitch = grid.side + 4 + 2 * line + 12;
  const double top =
      sketch.heading(page, "", "An image in the first column, and those nearest to it with their distances.");
  const auto draw_cell = [&](const NeighbourRow::Cell& cell, double left, double y, bool query) {
    draw_thumbnail(sketch, *cell.thumbnail, {left, y}, grid.side, page.scale);
    y += grid.side + 4;
    const double middle = left + grid.cell / 2;
    sketch.text(cell.caption, {middle, y}, kSmallStyle, query ? kInk : kSoftInk, Align::center, grid.cell);
    if (cell.distance >= 0) {
      sketch.text(short_number(cell.distance), {middle, y + line}, kSmallStyle, kInk, Align::center,
                  grid.cell);
    }
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = top + static_cast<double>(i) * pitch;
    draw_cell(rows[i].query, kMargin, y, true);
    double left = kMargin + grid.cell + kQueryGap;
    const double rule = std::floor(kMargin + grid.cell + kQueryGap / 2) + 0.5;
    sketch.line({rule, y}, {rule, y + grid.side}, kAxis);
    for (const NeighbourRow::Cell& cell : rows[i].near) {
      draw_cell(cell, left, y, false);
      left += grid.cell + kNearGap;
    }
  }
  return sketch.finish(top + static_cast<double>(rows.size()) * pitch - 12);
}

}  // namespace convoy
