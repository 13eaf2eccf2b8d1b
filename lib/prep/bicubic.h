// Which samples of a row or column, with which weights, make up each sample of a resized one.
#pragma once

#include <compare>
#include <cstddef>
#include <vector>

namespace convoy {

// Of `samples` samples, the part [start, start + length), which lies within [0, samples], becomes `out`
// samples. Coordinates are measured from the edge of the first sample and may lie between samples.
struct AxisGeometry {
  int samples = 0;
  double start = 0;
  double length = 0;
  int out = 0;
  auto operator<=>(const AxisGeometry&) const = default;
};

// Sample i is the sum over k < taps of weights[i * taps + k] times sample first[i] + k. The weights of a
// sample add up to 1.
struct AxisWeights {
  AxisGeometry geometry;
  int taps = 0;
  std::vector<int> first;  // ascending; first[i] + taps is at most geometry.samples
  std::vector<float> weights;
};

// Antialiased bicubic: R. Keys, "Cubic convolution interpolation for digital image processing" (1981), with
// a = -0.5, stretched by the scale where samples get fewer. Samples beyond an edge do not count.
[[nodiscard]] AxisWeights bicubic_weights(const AxisGeometry& geometry);

}  // namespace convoy
