#include "lib/pictures/filters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "lib/base/checked.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/pictures/axis.h"
#include "lib/pictures/render.h"

namespace convoy {
namespace {

constexpr std::uint64_t kRgb = 3;
constexpr std::uint64_t kMaxZoom = 16;
constexpr std::uint64_t kPlaneGap = 1;   // between planes of a filter
constexpr std::uint64_t kFilterGap = 2;  // between filters whose kernel is one image
constexpr std::uint64_t kGroupGap = 7;   // between filters of several planes

// How the filters lie: each is a block of planes, and blocks lie in rows and columns. Lengths are pixels.
struct Grid {
  std::uint64_t filters = 0;
  std::uint64_t planes = 0;  // of a filter
  std::uint64_t planes_a_row = 0;
  std::uint64_t zoom = 1;  // pixels of a weight
  std::uint64_t columns = 0;
  std::uint64_t plane_width = 0;
  std::uint64_t plane_height = 0;
  std::uint64_t gap = 0;

  [[nodiscard]] std::uint64_t rows() const { return (filters + columns - 1) / columns; }
  [[nodiscard]] std::uint64_t block_width() const {
    return planes_a_row * (plane_width + kPlaneGap) - kPlaneGap;
  }
  [[nodiscard]] std::uint64_t block_height() const {
    return (planes + planes_a_row - 1) / planes_a_row * (plane_height + kPlaneGap) - kPlaneGap;
  }
  [[nodiscard]] std::uint64_t width() const { return columns * (block_width() + gap) - gap; }
  [[nodiscard]] std::uint64_t height() const { return rows() * (block_height() + gap) - gap; }
  [[nodiscard]] std::uint64_t left(std::uint64_t filter, std::uint64_t plane) const {
    return filter % columns * (block_width() + gap) + plane % planes_a_row * (plane_width + kPlaneGap);
  }
  [[nodiscard]] std::uint64_t top(std::uint64_t filter, std::uint64_t plane) const {
    return filter / columns * (block_height() + gap) + plane / planes_a_row * (plane_height + kPlaneGap);
  }
};

// Columns of a picture that is about eight wide for three high, as the paper's; a number that fills all rows
// if one is near.
std::uint64_t handy_columns(std::uint64_t filters, double block_width, double block_height) {
  const double wanted = std::sqrt(static_cast<double>(filters) * block_height / block_width * 8.0 / 3.0);
  const auto near = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::lround(wanted)), 1, filters);
  std::uint64_t best = near;
  double closest = 0.45;
  for (std::uint64_t columns = std::max<std::uint64_t>(near / 2, 1); columns <= std::min(2 * near, filters);
       ++columns) {
    if (filters % columns != 0) continue;
    const double distance = std::abs(std::log(static_cast<double>(columns) / static_cast<double>(near)));
    if (distance < closest) {
      closest = distance;
      best = columns;
    }
  }
  return best;
}

Grid grid_of(const Kernels& kernels, const FilterOptions& options, std::uint64_t room) {
  Grid grid;
  grid.filters = options.first == 0 ? kernels.filters : std::min(options.first, kernels.filters);
  grid.planes = kernels.rgb && !options.planes ? 1 : kernels.channels;
  grid.gap = grid.planes > 1 ? kGroupGap : kFilterGap;
  // The largest zoom at which all fits into the width and is not much higher than wide; if none does, planes
  // of a filter go on in another row.
  for (grid.zoom = kMaxZoom; grid.zoom > 0; --grid.zoom) {
    grid.plane_width = kernels.width * grid.zoom;
    grid.plane_height = kernels.height * grid.zoom;
    grid.planes_a_row = grid.planes;
    if (grid.block_width() > room && grid.zoom > 1) continue;
    if (grid.block_width() > room) {
      grid.planes_a_row = std::max<std::uint64_t>((room + kPlaneGap) / (grid.plane_width + kPlaneGap), 1);
    }
    const std::uint64_t most =
        std::max<std::uint64_t>((room + grid.gap) / (grid.block_width() + grid.gap), 1);
    grid.columns = options.columns > 0 ? std::min(options.columns, grid.filters)
                                       : handy_columns(grid.filters, static_cast<double>(grid.block_width()),
                                                       static_cast<double>(grid.block_height()));
    if (options.columns == 0 && grid.planes > 1) grid.columns = std::min(most, grid.filters);
    if (grid.columns <= most && grid.height() <= std::max<std::uint64_t>(room, 400)) break;
    if (grid.zoom == 1) {
      if (options.columns == 0) grid.columns = std::min(most, grid.columns);
      break;
    }
  }
  return grid;
}

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

// Puts the kernels on a white image, one raster for all.
Image grid_image(const Kernels& kernels, const Grid& grid, bool each) {
  Image image{static_cast<int>(grid.width()), static_cast<int>(grid.height()), 3, {}};
  image.pixels.assign(grid.width() * grid.height() * kRgb, 255);
  const std::uint64_t plane_size = kernels.height * kernels.width;
  const std::uint64_t filter_size = kernels.channels * plane_size;
  const float largest = largest_of(kernels.values);
  for (std::uint64_t filter = 0; filter < grid.filters; ++filter) {
    const auto weights = kernels.values.subspan(filter * filter_size, filter_size);
    const float scale = each ? largest_of(weights) : largest;
    for (std::uint64_t plane = 0; plane < grid.planes; ++plane) {
      const std::uint64_t left = grid.left(filter, plane);
      const std::uint64_t top = grid.top(filter, plane);
      for (std::uint64_t y = 0; y < grid.plane_height; ++y) {
        for (std::uint64_t x = 0; x < grid.plane_width; ++x) {
          const std::uint64_t weight = y / grid.zoom * kernels.width + x / grid.zoom;
          std::uint8_t* const pixel = image.pixels.data() + ((top + y) * grid.width() + left + x) * kRgb;
          for (std::uint64_t c = 0; c < kRgb; ++c) {
            const std::uint64_t channel = grid.planes == 1 && kernels.channels == kRgb ? c : plane;
            pixel[c] = level_of(weights[channel * plane_size + weight], scale);
          }
        }
      }
    }
  }
  return image;
}

std::string caption_of(const Kernels& kernels, const Grid& grid, bool each, float largest) {
  const bool color = kernels.rgb && grid.planes == 1;
  const std::string scale =
      each ? "the largest weight of each filter alone" : short_number(static_cast<double>(largest));
  std::string text;
  if (color) {
    text = each ? "In each colour, half light is weight 0, and none and full light are the largest weight of "
                  "each filter, "
                  "negative and positive."
                : "In each colour, half light is weight 0, and none and full light are \xE2\x88\x92" + scale +
                      " and +" + scale + ".";
  } else {
    text = each ? "Grey is weight 0; black and white are the largest weight of each filter, negative and "
                  "positive."
                : "Grey is weight 0, black \xE2\x88\x92" + scale + ", white +" + scale + ".";
    if (kernels.channels > 1)
      text += " Each filter has a plane for each of its " + std::to_string(kernels.channels) + " channels.";
  }
  if (grid.filters < kernels.filters) {
    text += " The first " + std::to_string(grid.filters) + " of " + std::to_string(kernels.filters) +
            " are shown.";
  }
  return text;
}

// Numbers of the filters at the left of rows, as many as do not touch. Returns the width that they need.
double numbers_width(const Sketch& sketch, const Grid& grid) {
  constexpr double kGap = 6;
  const std::uint64_t last = (grid.rows() - 1) * grid.columns;
  return std::ceil(sketch.measure(std::to_string(last), kSmallStyle).width + kGap);
}

void draw_numbers(Sketch& sketch, const Grid& grid, double left, double top) {
  constexpr double kGap = 6;
  const double line = sketch.line_height(kSmallStyle);
  const auto pitch = static_cast<double>(grid.block_height() + grid.gap);
  const auto every = static_cast<std::uint64_t>(std::max(1.0, std::ceil((line + 2) / pitch)));
  for (std::uint64_t row = 0; row < grid.rows(); row += every) {
    const double y = top + pitch * static_cast<double>(row);
    // Beside the middle of the first row of planes.
    const double middle = y + std::max(line, static_cast<double>(grid.plane_height)) / 2;
    sketch.text_beside(std::to_string(row * grid.columns), {left - kGap, middle}, kSmallStyle, kSoftInk,
                       Align::right);
  }
}

}  // namespace

std::uint8_t level_of(float weight, float largest) {
  constexpr double kHalf = 127.5;
  if (!(largest > 0)) return static_cast<std::uint8_t>(std::lround(kHalf));
  const double level = kHalf + kHalf * static_cast<double>(weight) / static_cast<double>(largest);
  return static_cast<std::uint8_t>(std::lround(std::clamp(level, 0.0, 2 * kHalf)));
}

Kernels kernels_of(const WeightsFile& weights, const std::string& layer) {
  const NetSpec& net = weights.model().net;
  std::vector<std::string> names;
  bool first = true;  // whether no layer before it has weights
  for (std::size_t i = 0; i < weights.parameters().size(); ++i) {
    const ParameterInfo& parameter = weights.parameters()[i];
    constexpr std::size_t kConvDims = 4;
    constexpr std::size_t kFcDims = 2;
    const std::vector<std::uint64_t>& shape = parameter.shape;
    if (parameter.bias) continue;
    if (shape.size() != kConvDims && shape.size() != kFcDims) {
      first = false;
      continue;
    }
    const LayerSpec& spec = net.layers[parameter.layer];
    names.push_back(spec.name);
    if (!layer.empty() && spec.name != layer) {
      first = false;
      continue;
    }
    weights.require_finite(parameter.name);
    Kernels kernels{.layer = spec.name, .filters = shape[0], .values = weights.parameter(i)};
    if (shape.size() == kConvDims) {
      kernels.channels = shape[1];
      kernels.height = shape[2];
      kernels.width = shape[3];
    } else {
      kernels.channels = static_cast<std::uint64_t>(spec.in.channels);
      kernels.height = static_cast<std::uint64_t>(spec.in.height);
      kernels.width = static_cast<std::uint64_t>(spec.in.width);
    }
    kernels.rgb = first && kernels.channels == kRgb && net.input.crop.channels == static_cast<int>(kRgb);
    return kernels;
  }
  if (names.empty()) throw Error(weights.name(), "its net has no layer with kernels");
  const std::size_t shown = std::min<std::size_t>(names.size(), 10);
  throw Error(weights.name(), "no layer '" + layer + "' with kernels: it has " +
                                  first_of(std::span(names).first(shown), names.size()));
}

Drawing draw_filters(const Kernels& kernels, const FilterOptions& options, const Page& page,
                     const Fonts& fonts, const MemoryLimit& memory) {
  Sketch measuring(fonts, page.width);
  // Numbers have at most as many digits as that of the last filter.
  const double beside = std::ceil(measuring.measure(std::to_string(kernels.filters), kSmallStyle).width + 6);
  const double room = std::max(page.width - 2 * kMargin - beside, 1.0);
  const Grid grid = grid_of(kernels, options, static_cast<std::uint64_t>(room));
  // Before the image is allocated.
  const std::uint64_t pixels = saturating_mul(grid.width(), grid.height());
  if (pixels > kMaxPicturePixels || grid.width() > kMaxPictureSide || grid.height() > kMaxPictureSide) {
    throw Error("picture", count_of(grid.filters, "filter") + " of " + count_of(grid.planes, "plane") +
                               " would take " + std::to_string(grid.width()) + "x" +
                               std::to_string(grid.height()) + " pixels: show fewer with --first=N");
  }
  require_memory(kRgb * pixels, memory, "picture", "pixels of " + count_of(grid.filters, "filter"));

  const double width = std::max(page.width, 2 * kMargin + beside + static_cast<double>(grid.width()));
  Sketch sketch(fonts, width);
  const std::string title = kernels.layer + ": " + count_of(kernels.filters, "filter") + " of " +
                            std::to_string(kernels.height) + "x" + std::to_string(kernels.width) + "x" +
                            std::to_string(kernels.channels);
  const double top =
      sketch.heading(page, title, caption_of(kernels, grid, options.each, largest_of(kernels.values)));
  const double left = kMargin + numbers_width(sketch, grid);
  draw_numbers(sketch, grid, left, top);
  const auto grid_height = static_cast<double>(grid.height());
  sketch.add(Raster{{left, top, static_cast<double>(grid.width()), grid_height},
                    grid_image(kernels, grid, options.each)});
  return sketch.finish(top + std::max(grid_height, sketch.line_height(kSmallStyle)));
}

}  // namespace convoy
