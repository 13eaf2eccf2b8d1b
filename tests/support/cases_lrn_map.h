// Cases of lrn_map for the tests of every backend.
#pragma once

#include <cmath>

#include "kernels/lrn_map.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct LrnMapCase {
  const char* name;
  int images, channels, height, width;
  LrnMapSpec spec;
};
// But for the first two, the constants are so large that every term counts.
inline const LrnMapCase kLrnMapCases[] = {
    {"source_of_2012", 1, 32, 27, 27, {5, 1.0, 1e-3, 0.75, true}},
    {"cifar_18pct", 2, 32, 16, 16, {3, 1.0, 5e-5, 0.75, true}},
    {"strong", 2, 16, 9, 7, {5, 1.0, 0.5, 0.75, false}},
    {"mean_of_nine", 3, 8, 5, 6, {3, 1.0, 8.0, 0.75, true}},
    {"odd_channels", 2, 19, 11, 5, {5, 1.5, 0.3, 0.75, false}},
    {"other_power", 1, 17, 4, 5, {5, 2.0, 0.4, 0.6, false}},
    {"one_channel", 2, 1, 6, 13, {3, 1.0, 0.7, 0.75, false}},
    {"window_of_one", 2, 24, 2, 9, {1, 1.0, 0.5, 0.75, false}},
    {"wider_than_the_image", 2, 10, 3, 4, {9, 1.0, 0.3, 0.75, false}},
    {"wide_window", 1, 16, 19, 18, {11, 1.0, 0.2, 0.75, false}},
    {"wider_than_high", 1, 8, 2, 40, {5, 1.0, 0.5, 0.75, false}},
    {"one_pixel", 3, 33, 1, 1, {5, 1.0, 0.5, 0.75, true}},
    {"one_column", 2, 9, 21, 1, {3, 1.0, 0.5, 0.5, false}},
    {"much_wider_than_anything", 1, 5, 4, 3, {65535, 1.0, 0.2, 0.75, false}},
};

[[nodiscard]] inline LrnMapShape lrn_map_shape_of(const LrnMapSpec& spec, const TensorShape& tensor) {
  const double elements = static_cast<double>(spec.size) * spec.size;
  return {tensor, spec.size, static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / elements : spec.alpha), static_cast<float>(spec.beta)};
}

// Errors of the results, relative to their magnitude, with u = 2^-24. A window's sum is one over its columns,
// and then one over its rows, of non-negative terms: with at most m of each inside the image its relative
// error is (2 m + 1) u, and that of s is (2 m + 4) u with rounded constants. Raising it to a power of at most
// 2 in magnitude doubles that, and the products add a few u. The backward sum has twice as many roundings;
// errors are relative to magnitudes, which covers cancellation.
[[nodiscard]] inline double lrn_map_sum_error(const LrnMapCase& k) {
  const int rows = std::min(k.spec.size, 2 * k.height - 1);
  const int columns = std::min(k.spec.size, 2 * k.width - 1);
  return 2.0 * (rows + columns + 4) * 0x1p-24;
}
namespace cpu {

// s^-1/4 is within 2 u, so that its third power is within 8 u and its fourth, 1 / s, within 10 u.
template <typename T>
[[nodiscard]] double lrn_map_error(const LrnMapCase& k) {
  return 2 * lrn_map_sum_error(k) + 26 * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
}

}  // namespace cpu
namespace cuda {

// In float the power adds a few u. For bf16 logarithm and exponential are approximate, with errors of 2^-22
// times the exponent, which is at most 5 here.
template <typename T>
[[nodiscard]] double lrn_map_error(const LrnMapCase& k) {
  return 2 * lrn_map_sum_error(k) + 12 * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T> + 0x1p-18);
}

}  // namespace cuda

// Random operands of a case, and the expected results.
class LrnMapProblem {
 public:
  // relu_input: as in kernels/lrn_map.h.
  LrnMapProblem(const LrnMapCase& of, bool with_relu_input) : k(of), relu_input(with_relu_input) {
    TestRandom random(57);
    const reference::Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
    x = relu_input ? reference::relu(before) : before;
    dy = random.tensor(k.images, k.channels, k.height, k.width);
    y_ = reference::lrn_map(k.spec, x);
    dx_ = reference::lrn_map_backward(k.spec, x, dy);
    if (relu_input) dx_ = reference::relu_backward(before, dx_);
    // The sum of the absolute values of the terms of dx. With magnitudes for x and dy, the result is |dy|
    // s^-beta minus the positive sum, so their total is twice |dy| s^-beta minus the result; and s^-beta <=
    // k^-beta.
    dx_magnitude_ =
        reference::lrn_map_backward(k.spec, reference::magnitudes(x), reference::magnitudes(dy)).v;
    const double power = std::pow(k.spec.k, -k.spec.beta);
    for (std::size_t i = 0; i < dy.v.size(); ++i) {
      dx_magnitude_[i] = 2.0 * std::abs(dy.v[i]) * power - dx_magnitude_[i];
    }
  }
  [[nodiscard]] LrnMapShape shape(int block) const { return lrn_map_shape_of(k.spec, shape_of(x, block)); }
  [[nodiscard]] const reference::Values& dx_magnitude() const { return dx_magnitude_; }
  template <typename T>
  void expect(const std::vector<T>& y, const std::vector<T>& dx, const TensorShape& tensor,
              double error) const {
    expect_near(unpacked(y, tensor).v, y_.v, reference::magnitudes(y_.v), error, "y");
    EXPECT_TRUE(padding_is_zero(y, tensor));
    expect_near(unpacked(dx, tensor).v, dx_.v, dx_magnitude_, error, "dx");
    EXPECT_TRUE(padding_is_zero(dx, tensor));
  }

  LrnMapCase k;
  bool relu_input;
  reference::Tensor x;
  reference::Tensor dy;

 private:
  reference::Tensor y_;
  reference::Tensor dx_;
  reference::Values dx_magnitude_;
};

}  // namespace convoy
