#include "lib/prep/bicubic.h"

#include <algorithm>
#include <cmath>

namespace convoy {
namespace {

constexpr double kReach = 2;  // of the kernel, to each side

double keys_kernel(double x) {
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < kReach) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

// The input samples [low, high) with a weight in one output sample, whose centre is at `center`.
struct Window {
  double center = 0;
  int low = 0;
  int high = 0;
};

Window window_of(const AxisGeometry& geometry, double scale, int i) {
  Window window;
  window.center = geometry.start + (i + 0.5) * scale;
  const double reach = kReach * std::max(scale, 1.0);
  window.low = std::max(0, static_cast<int>(std::floor(window.center - reach + 0.5)));
  window.high = std::min(geometry.samples, static_cast<int>(std::floor(window.center + reach + 0.5)));
  return window;
}

}  // namespace

AxisWeights bicubic_weights(const AxisGeometry& geometry) {
  const double scale = geometry.length / geometry.out;
  const double per_sample = 1 / std::max(scale, 1.0);
  AxisWeights axis{geometry, 0, {}, {}};
  for (int i = 0; i < geometry.out; ++i) {
    const Window window = window_of(geometry, scale, i);
    axis.taps = std::max(axis.taps, window.high - window.low);
  }
  axis.first.reserve(static_cast<std::size_t>(geometry.out));
  axis.weights.resize(static_cast<std::size_t>(geometry.out) * static_cast<std::size_t>(axis.taps));
  std::vector<double> exact(static_cast<std::size_t>(axis.taps));
  float* to = axis.weights.data();
  for (int i = 0; i < geometry.out; ++i, to += axis.taps) {
    const Window window = window_of(geometry, scale, i);
    // At the far edge, a narrower window is padded in front, so that no sample beyond the edge is read.
    const int first = std::min(window.low, geometry.samples - axis.taps);
    double sum = 0;
    for (int j = window.low; j < window.high; ++j) {
      const double weight = keys_kernel((j + 0.5 - window.center) * per_sample);
      exact[static_cast<std::size_t>(j - window.low)] = weight;
      sum += weight;
    }
    for (int j = window.low; j < window.high; ++j) {
      to[j - first] = static_cast<float>(exact[static_cast<std::size_t>(j - window.low)] / sum);
    }
    axis.first.push_back(first);
  }
  return axis;
}

}  // namespace convoy
