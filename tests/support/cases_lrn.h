// Cases of lrn for the tests of every backend.
#pragma once

#include <cmath>

#include "kernels/lrn.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct LrnCase {
  const char* name;
  int images, channels, height, width;
  LrnSpec spec;
};
// The constants are so large that every term counts.
inline const LrnCase kLrnCases[] = {
    {"paper", 2, 32, 5, 7, {5, 2.0, 1e-4, 0.75, false}},
    {"paper_of_96_channels", 2, 96, 5, 3, {5, 2.0, 1e-4, 0.75, false}},
    {"strong", 2, 32, 5, 7, {5, 1.0, 0.5, 0.75, false}},
    {"mean_of_three", 3, 16, 3, 3, {3, 1.0, 0.8, 0.75, true}},
    {"even_window", 2, 19, 3, 5, {4, 1.5, 0.3, 0.75, false}},
    {"other_power", 1, 17, 4, 5, {5, 2.0, 0.4, 0.6, false}},
    {"wider_than_channels", 2, 3, 5, 5, {9, 1.0, 0.7, 0.75, false}},
    {"one_channel", 1, 1, 3, 3, {5, 1.0, 0.5, 0.75, true}},
    {"window_of_one", 2, 8, 2, 9, {1, 1.0, 0.5, 0.75, false}},
    {"wide_window", 1, 48, 2, 3, {35, 1.0, 0.5, 0.75, false}},
    {"three_runs_other_power", 1, 48, 3, 2, {5, 2.0, 0.4, 0.6, false}},
    {"more_channels_than_threads", 1, 2056, 1, 2, {5, 1.0, 0.3, 0.75, false}},
    {"many_channels_even_window", 1, 2060, 2, 1, {6, 1.0, 0.3, 0.75, false}},
    {"two_towers", 2, 96, 5, 3, {5, 1.0, 0.5, 0.75, true, 2}},
    {"four_groups_of_a_run", 2, 64, 3, 3, {3, 1.0, 0.8, 0.75, false, 4}},
    {"groups_of_eight", 1, 24, 4, 5, {5, 2.0, 0.4, 0.6, false, 3}},
    {"groups_of_half_runs", 2, 48, 4, 3, {5, 1.0, 0.5, 0.75, false, 2}},
    {"awkward_groups", 2, 15, 3, 5, {5, 1.0, 0.5, 0.75, false, 3}},
    {"groups_and_even_window", 2, 21, 3, 5, {4, 1.5, 0.3, 0.75, false, 3}},
    {"groups_of_one", 1, 18, 3, 3, {5, 1.0, 0.5, 0.75, true, 18}},
    {"window_wider_than_groups", 1, 48, 2, 3, {35, 1.0, 0.5, 0.75, false, 3}},
    {"many_channels_in_groups", 1, 2112, 1, 2, {5, 1.0, 0.3, 0.75, false, 2}},
};

[[nodiscard]] inline LrnShape lrn_shape_of(const LrnSpec& spec, const TensorShape& tensor) {
  return {tensor,
          spec.size,
          static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / spec.size : spec.alpha),
          static_cast<float>(spec.beta),
          spec.groups};
}

// Errors of the results, relative to their magnitude, with u = 2^-24. s is a sum of at most size + 1
// non-negative terms with rounded constants, so its relative error is (size + 4) u. Raising it to a power of
// at most 2 in magnitude doubles that, and the products add a few u. The backward sum has 2 * size such
// terms; errors are relative to magnitudes, which covers cancellation.
namespace cpu {

// s^-1/4 is within 2 u, so that its third power is within 8 u and its fourth, 1 / s, within 10 u.
template <typename T>
[[nodiscard]] double lrn_error(const LrnSpec& spec) {
  return (2 * (spec.size + 4) + 26) * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
}

}  // namespace cpu
namespace cuda {

// In float the power adds a few u. For bf16 logarithm and exponential are approximate, with errors of 2^-22
// times the exponent, which is at most 4 here.
template <typename T>
[[nodiscard]] double lrn_error(const LrnSpec& spec) {
  return (2 * (spec.size + 4) + 12) * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T> + 0x1p-18);
}

}  // namespace cuda

// The sum of the absolute values of the terms of dx. With magnitudes for x and dy, the result is |dy| s^-beta
// minus the positive sum, so their total is twice |dy| s^-beta minus the result; and s^-beta <= k^-beta.
[[nodiscard]] inline reference::Values lrn_gradient_magnitude(const LrnSpec& spec, const reference::Tensor& x,
                                                              const reference::Tensor& dy) {
  reference::Values size =
      reference::lrn_backward(spec, reference::magnitudes(x), reference::magnitudes(dy)).v;
  const double power = std::pow(spec.k, -spec.beta);
  for (std::size_t i = 0; i < size.size(); ++i) size[i] = 2.0 * std::abs(dy.v[i]) * power - size[i];
  return size;
}

// Random operands of a case, and the expected results.
class LrnProblem {
 public:
  // relu_input: as in kernels/lrn.h.
  LrnProblem(const LrnCase& k, bool with_relu_input) : spec(k.spec), relu_input(with_relu_input) {
    TestRandom random(31);
    const reference::Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
    x = relu_input ? reference::relu(before) : before;
    dy = random.tensor(k.images, k.channels, k.height, k.width);
    y_ = reference::lrn(spec, x);
    dx_ = reference::lrn_backward(spec, x, dy);
    if (relu_input) dx_ = reference::relu_backward(before, dx_);
    dx_magnitude_ = lrn_gradient_magnitude(spec, x, dy);
  }
  [[nodiscard]] LrnShape shape(int block) const { return lrn_shape_of(spec, shape_of(x, block)); }
  template <typename T>
  void expect(const std::vector<T>& y, const std::vector<T>& dx, const TensorShape& tensor,
              double error) const {
    expect_near(unpacked(y, tensor).v, y_.v, reference::magnitudes(y_.v), error, "y");
    EXPECT_TRUE(padding_is_zero(y, tensor));
    expect_near(unpacked(dx, tensor).v, dx_.v, dx_magnitude_, error, "dx");
    EXPECT_TRUE(padding_is_zero(dx, tensor));
  }

  LrnSpec spec;
  bool relu_input;
  reference::Tensor x;
  reference::Tensor dy;

 private:
  reference::Tensor y_;
  reference::Tensor dx_;
  reference::Values dx_magnitude_;
};

}  // namespace convoy
