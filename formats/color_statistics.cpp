#include "formats/color_statistics.h"

#include <algorithm>
#include <span>

#include "lib/base/error.h"

namespace convoy {
namespace {

struct Shapes {
  std::vector<std::uint64_t> eigenvectors = {kColors, kColors};
  std::vector<std::uint64_t> deviations = {kColors};
};

void read_values(const SafetensorsFile& file, std::string_view tensor, std::span<float> to) {
  const std::span<const float> values = file.get(tensor).f32(file.name());
  file.require_finite(tensor);
  std::ranges::copy(values, to.begin());
}

// Of a direction of length one, with some room for rounding.
constexpr float kLongest = 1.001F;
// Pixels that are half black and half white deviate by half the diagonal of the colours, 220.8.
constexpr float kMostDeviation = 222.0F;

void require_range(const SafetensorsFile& file, std::string_view tensor, std::span<const float> values,
                   float least, float most) {
  const auto outside = [&](float value) { return value < least || value > most; };
  if (std::ranges::none_of(values, outside)) return;
  throw Error(file.name(), "tensor '" + std::string(tensor) + "' has values that no colours have");
}

TensorView view_of(std::string_view name, std::vector<std::uint64_t> shape, std::span<const float> values) {
  return {.name = std::string(name),
          .type = DType::f32,
          .shape = std::move(shape),
          .data = std::as_bytes(values)};
}

}  // namespace

std::string color_statistics_problem(const SafetensorsFile& file) {
  const Shapes shapes;
  std::string wrong =
      tensor_problem(file.find(kColorEigenvectorsTensor), kColorEigenvectorsTensor, shapes.eigenvectors);
  if (wrong.empty()) {
    wrong = tensor_problem(file.find(kColorDeviationsTensor), kColorDeviationsTensor, shapes.deviations);
  }
  return wrong;
}

ColorStatistics read_color_statistics(const SafetensorsFile& file) {
  if (const std::string wrong = color_statistics_problem(file); !wrong.empty()) {
    throw Error(file.name(), wrong);
  }
  ColorStatistics colors;
  read_values(file, kColorEigenvectorsTensor, colors.eigenvectors);
  read_values(file, kColorDeviationsTensor, colors.deviations);
  require_range(file, kColorEigenvectorsTensor, colors.eigenvectors, -kLongest, kLongest);
  require_range(file, kColorDeviationsTensor, colors.deviations, 0.0F, kMostDeviation);
  return colors;
}

std::vector<TensorView> color_tensors(const ColorStatistics& colors) {
  Shapes shapes;
  return {view_of(kColorEigenvectorsTensor, std::move(shapes.eigenvectors), colors.eigenvectors),
          view_of(kColorDeviationsTensor, std::move(shapes.deviations), colors.deviations)};
}

}  // namespace convoy
