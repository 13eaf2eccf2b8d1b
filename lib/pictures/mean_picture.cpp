#include "lib/pictures/mean_picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "formats/weights.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "lib/pictures/axis.h"
#include "lib/pictures/render.h"
#include "lib/shards/mean.h"

namespace convoy {
namespace {

constexpr double kMostLevel = 255;
constexpr double kPanelGap = 24;

struct Span {
  double least = 0;
  double greatest = 0;
};

Span span_of(std::span<const float> values) {
  const auto [least, greatest] = std::ranges::minmax(values);
  return {static_cast<double>(least), static_cast<double>(greatest)};
}

// The mean with `black` as 0 and `white` as 255.
Image panel_image(const MeanToDraw& mean, double black, double white) {
  const std::size_t pixels = static_cast<std::size_t>(mean.width) * static_cast<std::size_t>(mean.height);
  Image image{mean.width, mean.height, 3, std::vector<std::uint8_t>(pixels * 3)};
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t channel = mean.channels == 1 ? 0 : c;
      const double value = static_cast<double>(mean.values[channel * pixels + i]);
      const double level = white > black ? (value - black) / (white - black) * kMostLevel : kMostLevel / 2;
      image.pixels[i * 3 + c] = static_cast<std::uint8_t>(std::lround(std::clamp(level, 0.0, kMostLevel)));
    }
  }
  return image;
}

std::string level(double value) { return format("%.1f", value); }

// A line for each channel; returns the bottom.
double draw_channels(Sketch& sketch, const MeanToDraw& mean, double y) {
  static constexpr std::array kNames = {"red", "green", "blue"};
  static constexpr std::array<Color, 3> kChannelColors = {{{200, 40, 40}, {20, 140, 60}, {40, 80, 200}}};
  constexpr double kSwatch = 10;
  const double line = std::ceil(sketch.line_height(kTextStyle) + 4);
  const std::size_t pixels = mean.values.size() / static_cast<std::size_t>(mean.channels);
  for (int c = 0; c < mean.channels; ++c) {
    const auto values = std::span(mean.values).subspan(static_cast<std::size_t>(c) * pixels, pixels);
    double sum = 0;
    for (const float value : values) sum += static_cast<double>(value);
    const Span span = span_of(values);
    const auto index = static_cast<std::size_t>(c);
    const double middle = y + line / 2;
    const Color color = mean.channels == 1 ? kSoftInk : kChannelColors.at(index);
    sketch.box({kMargin, std::round(middle - kSwatch / 2), kSwatch, kSwatch}, color);
    sketch.text_beside(std::string(mean.channels == 1 ? "grey" : kNames.at(index)) + ": mean " +
                           level(sum / static_cast<double>(pixels)) + ", from " + level(span.least) + " to " +
                           level(span.greatest),
                       {kMargin + kSwatch + 8, middle}, kTextStyle, kInk, Align::left,
                       sketch.inner_width() - kSwatch - 8);
    y += line;
  }
  return y;
}

// The colours along a direction, from one standard deviation below the mean colour to one above it.
Image direction_image(const MeanToDraw& mean, std::size_t direction) {
  constexpr int kSteps = 64;
  const std::size_t channels = mean.stddev.size();
  const std::size_t pixels = mean.values.size() / channels;
  Image bar{kSteps, 1, 3, std::vector<std::uint8_t>(std::size_t{kSteps} * 3)};
  for (std::size_t c = 0; c < 3; ++c) {
    const std::size_t channel = channels == 1 ? 0 : c;
    double middle = 0;
    for (const float value : std::span(mean.values).subspan(channel * pixels, pixels)) {
      middle += static_cast<double>(value) / static_cast<double>(pixels);
    }
    for (int step = 0; step < kSteps; ++step) {
      const double along = (2.0 * step / (kSteps - 1) - 1) * static_cast<double>(mean.stddev[direction]);
      const double value =
          middle + along * static_cast<double>(mean.eigenvectors[direction * channels + channel]);
      bar.pixels[static_cast<std::size_t>(step) * 3 + c] =
          static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0, kMostLevel)));
    }
  }
  return bar;
}

// A bar for each direction in which colours vary, as long as the deviation along it. Returns the bottom.
double draw_directions(Sketch& sketch, const MeanToDraw& mean, double y) {
  if (mean.stddev.empty()) return y;
  constexpr double kLabel = 60;
  constexpr double kLongest = 400;
  const double line = std::ceil(sketch.line_height(kTextStyle) + 6);
  y = std::ceil(
          y + 8 +
          sketch.paragraph(mean.stddev.size() == 1
                               ? "Standard deviation of pixels:"
                               : "Standard deviations of pixels along the principal directions of colour:",
                           {kMargin, y + 8}, sketch.inner_width(), kTextStyle, kSoftInk, 3)) +
      4;
  const double most = std::min(sketch.inner_width() - kLabel, kLongest);
  const double largest = static_cast<double>(mean.stddev.front());
  for (std::size_t i = 0; i < mean.stddev.size(); ++i) {
    const double deviation = static_cast<double>(mean.stddev[i]);
    const double length = largest > 0 ? std::max(most * deviation / largest, 1.0) : 1.0;
    sketch.add(Raster{{kMargin, y + 3, length, line - 6}, direction_image(mean, i)});
    sketch.text_beside(level(deviation), {kMargin + length + 6, y + line / 2}, kTextStyle);
    y += line;
  }
  return y;
}

}  // namespace

MeanToDraw read_mean_to_draw(const std::string& path, const MemoryLimit& memory) {
  MeanToDraw mean;
  // Opened once, for a pipe gives its bytes only once.
  SafetensorsFile opened(path, Expected::mean, memory);
  if (opened.metadata().contains(kMetaNet)) {
    const WeightsFile weights(std::move(opened), Expected::mean, memory);
    weights.require_finite(kMeanTensor);
    const Extent& stored = weights.model().net.input.stored;
    mean = {.width = stored.width,
            .height = stored.height,
            .channels = stored.channels,
            .values = weights.model().mean,
            .has_checksum = weights.has_checksum(),
            .name = weights.name()};
  } else {
    const MeanFile file = mean_file_from(opened, memory);
    MeanStatistics statistics = statistics_of(file.sums);
    mean = {.width = file.sums.width,
            .height = file.sums.height,
            .channels = file.sums.channels,
            .values = std::move(statistics.mean),
            .images = file.sums.count,
            .eigenvectors = std::move(statistics.eigenvectors),
            .stddev = std::move(statistics.stddev),
            .has_checksum = file.has_checksum,
            .name = display_name(path)};
  }
  if (mean.channels != 1 && mean.channels != 3) {
    throw Error(mean.name, "its mean image has " +
                               count_of(static_cast<std::uint64_t>(mean.channels), "channel") +
                               ": only 1 and 3 can be drawn");
  }
  return mean;
}

Drawing draw_mean(const MeanToDraw& mean, const Page& page, const Fonts& fonts, const MemoryLimit& memory) {
  constexpr double kLeastSlot = 160;   // for the caption of a narrow image
  constexpr double kMostZoomed = 400;  // an image of few pixels need not fill a page
  const double room = std::max(page.width - 2 * kMargin, kLeastSlot);
  const double half = (room - kPanelGap) / 2;
  const bool beside = std::max<double>(mean.width, kLeastSlot) <= half;
  const double panel = std::min(beside ? half : room, kMostZoomed);
  const double zoom = std::max(1.0, std::floor(std::min(panel / mean.width, kMostZoomed / mean.height)));
  const double width = zoom * mean.width;
  const double height = zoom * mean.height;
  const double slot = std::max(width, kLeastSlot);
  require_memory(
      std::uint64_t{6} * static_cast<std::uint64_t>(mean.width) * static_cast<std::uint64_t>(mean.height),
      memory, "picture", "pixels of the mean image");

  Sketch sketch(fonts, std::max(page.width, slot + 2 * kMargin));
  std::string title = "Mean image, " + std::to_string(mean.width) + "x" + std::to_string(mean.height);
  if (mean.images > 0) title += ", of " + grouped(mean.images) + (mean.images == 1 ? " image" : " images");
  double y = sketch.heading(page, title, "");
  const Span span = span_of(mean.values);
  double x = kMargin;
  double below = y;
  const auto put = [&](const std::string& caption, double black, double white) {
    const double text = sketch.paragraph(caption, {x, y}, slot, kTextStyle, kSoftInk, 3);
    const double top = std::ceil(y + text + 4);
    sketch.add(Raster{{x, top, width, height}, panel_image(mean, black, white)});
    below = std::max(below, top + height);
  };
  put("As it is: black is 0, white 255", 0, kMostLevel);
  if (beside) {
    x += slot + kPanelGap;
  } else {
    y = below + kPanelGap;
  }
  put("Stretched: black is " + level(span.least) + ", white " + level(span.greatest), span.least,
      span.greatest);
  y = draw_channels(sketch, mean, std::ceil(below + 12));
  return sketch.finish(draw_directions(sketch, mean, y));
}

}  // namespace convoy
