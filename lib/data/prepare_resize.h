// Resampling of one component of an image, by zimg.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "formats/image.h"

namespace convoy {

// Which part of a plane becomes which size. Coordinates are in samples of the plane, measured from its left
// and top edge, and may lie between samples.
struct ResizeGeometry {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;
  int out_width = 0;
  int out_height = 0;
  auto operator<=>(const ResizeGeometry&) const = default;
};

// Antialiased bicubic resampling (Catmull-Rom, a = -0.5; stretched by the scale when it shrinks). Keeps what
// it computed for the last few geometries, since photographs come in few sizes. Use from one thread at a
// time.
class PlaneResizer {
 public:
  PlaneResizer();
  PlaneResizer(const PlaneResizer&) = delete;
  PlaneResizer& operator=(const PlaneResizer&) = delete;
  PlaneResizer(PlaneResizer&&) noexcept;
  PlaneResizer& operator=(PlaneResizer&&) noexcept;
  ~PlaneResizer();

  // Resizes `to` to out_width x out_height and fills it. Throws Error where zimg refuses.
  void resize(const Plane& from, const ResizeGeometry& geometry, Plane& to);

 private:
  struct Graph;
  const Graph& graph_for(const Plane& from, const ResizeGeometry& geometry);
  std::vector<std::unique_ptr<Graph>> graphs_;  // the one used last comes first
  Plane scratch_;
};

}  // namespace convoy
