// Images with what a net says of them: figure 4 of the paper.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/pictures/results.h"
#include "lib/pictures/sketch.h"
#include "lib/pictures/thumbnails.h"

namespace convoy {

inline constexpr std::size_t kMostBars = 20;

// How images lie in rows and columns.
struct ImageGrid {
  int columns = 1;
  double cell = 0;  // width, without the gap
  int side = 0;     // of the square for an image
};

// Images that a net was asked about, each with its likeliest classes as bars: at most `bars` of them.
struct PredictedImage {
  const Thumbnail* thumbnail = nullptr;
  std::string truth;    // readable name of its class; empty: not known
  std::string caption;  // shown if the class is not known: the image's name
  struct Bar {
    std::string name;
    double probability = -1;  // below 0: not known
    bool right = false;
  };
  std::vector<Bar> bars;
};
// columns: 0: as many as the width has room for.
[[nodiscard]] ImageGrid prediction_grid(const Page& page, std::uint64_t columns, std::size_t images);
[[nodiscard]] Drawing draw_predictions(const std::vector<PredictedImage>& images, const ImageGrid& grid,
                                       const Page& page, const Fonts& fonts);

// Images, and those that are nearest to each, in a row.
struct NeighbourRow {
  struct Cell {
    const Thumbnail* thumbnail = nullptr;
    std::string caption;   // class or name
    double distance = -1;  // below 0: none
  };
  Cell query;
  std::vector<Cell> near;
};
// near: the most neighbours of an image.
[[nodiscard]] ImageGrid neighbour_grid(const Page& page, std::size_t near);
[[nodiscard]] Drawing draw_neighbours(const std::vector<NeighbourRow>& rows, const ImageGrid& grid,
                                      const Page& page, const Fonts& fonts);

}  // namespace convoy
