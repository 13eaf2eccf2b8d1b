// Resamples one component of an image.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "formats/image.h"
#include "lib/prep/bicubic.h"
#include "lib/prep/lanes.h"

namespace convoy {

// Which part of a plane is resized, and to which size. Coordinates are in samples of the plane, measured from
// its left and top edge, and need not be whole; the part lies within the plane.
struct ResizeGeometry {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
  int out_width = 0;
  int out_height = 0;
};

// Antialiased bicubic resampling (bicubic_weights), first of columns, then of rows, in floats that are
// rounded once, at the end. Caches the weights of the last geometries, since photographs come in few sizes,
// and the components of an image in one or two. Use from one thread at a time.
class PlaneResizer {
 public:
  // Resizes `to` to out_width x out_height and fills it.
  void resize(const Plane& from, const ResizeGeometry& geometry, Plane& to);

 private:
  // Rows of the source that are kept as floats: those of one step of the sums, and those of the step before.
  static constexpr std::size_t kSourceRows = 2 * kMaxSummedRows;

  const AxisWeights& weights_for(const AxisGeometry& geometry);
  void start(const AxisWeights& horizontal);
  const Lanes* source_row(const Plane& from, int y);
  void resize_columns(const Plane& from, const AxisWeights& vertical, std::size_t y, Lanes* into);
  void resize_rows(const AxisWeights& horizontal);

  std::vector<std::unique_ptr<AxisWeights>> axes_;  // most recently used first

  // State of one call. Rows are padded to whole Lanes; values past the end are ignored.
  int first_column_ = 0;       // of the source that has a weight
  std::size_t columns_ = 0;    // the number of columns from there on
  std::size_t in_lanes_ = 0;   // of a row of the source
  std::size_t out_lanes_ = 0;  // of a row of the result
  std::array<int, kSourceRows> source_y_{};
  std::vector<Lanes> source_rows_;  // [kSourceRows][in_lanes_]
  // Lanes::kCount rows of the result at a time: with the width of the source, by rows and transposed; then
  // with their final width, transposed and by rows.
  std::vector<Lanes> wide_rows_;
  std::vector<Lanes> wide_columns_;
  std::vector<Lanes> out_columns_;
  std::vector<Lanes> out_rows_;
};

}  // namespace convoy
