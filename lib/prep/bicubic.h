// Which samples of a row or column, with which weights, make up each sample of a resized one.
#pragma once

#include <compare>
#include <cstddef>
#include <vector>

namespace convoy {

// Resizing of one axis: of `samples` samples, the part [start, start + length), which lies within [0,
// samples], becomes `out` samples. Coordinates are measured from the edge of the first sample and need not
// be whole.
struct AxisGeometry {
  int samples = 0;
  double start = 0;
  double length = 0;
  int out = 0;
  auto operator<=>(const AxisGeometry&) const = default;
};

// Output sample i is the sum over k < taps of weights[i * taps + k] times input sample first[i] + k. The
// weights of each output sample add up to 1.
struct AxisWeights {
  AxisGeometry geometry;
  int taps = 0;
  std::vector<int> first;  // ascending; first[i] + taps is at most geometry.samples
  std::vector<float> weights;
};

// Antialiased bicubic: R. Keys, "Cubic convolution interpolation for digital image processing" (1981), with a
// = -0.5. When downscaling, the kernel is stretched by the scale. Samples beyond the edges have no weight.
[[nodiscard]] AxisWeights bicubic_weights(const AxisGeometry& geometry);

}  // namespace convoy
