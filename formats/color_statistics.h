// In what directions the colours of a training set vary: what the paper's colour noise is made from. Two
// tensors of a mean file, and of weights whose training had colour noise (man/convoy-weights.5).
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "formats/safetensors.h"

namespace convoy {

inline constexpr std::string_view kColorEigenvectorsTensor = "color_eigenvectors";
inline constexpr std::string_view kColorDeviationsTensor = "color_stddev";

inline constexpr std::size_t kColors = 3;

// The eigendecomposition of the covariance of red, green and blue over all pixels.
struct ColorStatistics {
  std::array<float, kColors * kColors> eigenvectors{};  // row i: the direction i, of length one
  std::array<float, kColors> deviations{};              // along it: the root of its eigenvalue, of 0..255
  bool operator==(const ColorStatistics&) const = default;
};

// Why `file` does not hold the statistics of three colours; empty if it does.
[[nodiscard]] std::string color_statistics_problem(const SafetensorsFile& file);
// Throws Error if there is such a problem, or a value is none that pixels from 0 to 255 can give.
[[nodiscard]] ColorStatistics read_color_statistics(const SafetensorsFile& file);
// The two tensors; they refer to `colors`.
[[nodiscard]] std::vector<TensorView> color_tensors(const ColorStatistics& colors);

}  // namespace convoy
