// The kernels of a layer as small images: figure 3 of the paper.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "formats/weights.h"
#include "lib/pictures/sketch.h"

namespace convoy {

// The weights of a layer, [filters, channels, height, width].
struct Kernels {
  std::string layer;
  std::uint64_t filters = 0;
  std::uint64_t channels = 0;
  std::uint64_t height = 0;
  std::uint64_t width = 0;
  bool rgb = false;  // whether the channels are the red, green and blue of an image
  std::span<const float> values;
};

// The kernels of the layer of that name, or of the first layer with weights. Those of a fully-connected layer
// have the extent of its input. Throws Error if there is no such layer, naming those that there are, or if a
// weight is infinite or not a number. The weights must outlive what is returned.
[[nodiscard]] Kernels kernels_of(const WeightsFile& weights, const std::string& layer = {});

struct FilterOptions {
  std::uint64_t first = 0;    // draw only so many filters; 0: all
  std::uint64_t columns = 0;  // filters side by side; 0: as many as make a handy picture
  bool planes = false;        // RGB kernels too as one gray image for each channel
  bool each = false;          // each filter is scaled by its own largest weight, not by that of all
};

// The gray level of a weight: 127.5 is 0, and `largest` is 255. A largest weight of 0 makes all gray.
[[nodiscard]] std::uint8_t level_of(float weight, float largest);

[[nodiscard]] Drawing draw_filters(const Kernels& kernels, const FilterOptions& options, const Page& page,
                                   const Fonts& fonts, const MemoryLimit& memory = {});

}  // namespace convoy
