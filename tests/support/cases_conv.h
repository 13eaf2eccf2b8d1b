// Cases of conv for the tests of every backend.
#pragma once

#include <cmath>
#include <optional>

#include "formats/net.h"
#include "kernels/conv.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

// The layer that has this shape, for the reference.
template <typename Spec = ConvSpec>
[[nodiscard]] Spec spec_of(const ConvShape& s) {
  Spec spec;
  spec.filters = s.filters;
  spec.kernel_height = s.kernel_height;
  spec.kernel_width = s.kernel_width;
  spec.stride = s.stride;
  spec.pad = {s.pad_top, s.pad_left, s.pad_bottom, s.pad_right};
  spec.groups = s.groups;
  return spec;
}

struct ConvCase {
  const char* name;
  ConvShape shape;
};
// images, channels, height, width, filters, kernel, stride, padding (top, left, bottom, right), groups
inline constexpr ConvCase kConvCases[] = {
    {"conv1", {2, 3, 31, 27, 16, 11, 11, 4, 0, 0, 3, 3, 1}},
    {"conv1_square", {2, 3, 23, 23, 12, 11, 11, 4, 0, 0, 3, 3, 1}},
    {"conv2", {2, 32, 7, 7, 32, 5, 5, 1, 2, 2, 2, 2, 2}},
    {"conv2_one_image", {1, 32, 7, 7, 48, 5, 5, 1, 2, 2, 2, 2, 2}},
    {"conv3", {3, 16, 5, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"conv3_fills_no_tile", {1, 40, 13, 13, 72, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"gray", {2, 1, 9, 9, 8, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"one_of_each", {1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}},
    {"one_image", {1, 16, 4, 4, 16, 3, 3, 1, 0, 0, 0, 0, 1}},
    {"eight_channels", {1, 8, 5, 5, 8, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"odd_channels", {2, 5, 7, 6, 7, 3, 3, 2, 1, 0, 0, 1, 1}},
    {"channels_to_pad", {2, 3, 7, 6, 5, 3, 2, 1, 1, 0, 1, 1, 1}},
    {"twenty_filters", {2, 20, 6, 5, 20, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"one_filter", {2, 3, 5, 5, 1, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"aligned_groups", {3, 16, 9, 11, 24, 3, 3, 1, 0, 0, 0, 0, 2}},
    {"unaligned_groups", {2, 6, 8, 7, 10, 3, 3, 1, 1, 1, 1, 1, 2}},
    {"odd_groups", {2, 6, 7, 7, 9, 3, 3, 1, 1, 1, 1, 1, 3}},
    {"seven_groups", {1, 21, 5, 5, 35, 2, 2, 1, 1, 0, 0, 1, 7}},
    {"a_group_a_channel", {2, 13, 6, 5, 13, 3, 3, 1, 1, 1, 1, 1, 13}},
    {"unaligned_filters_of_several_tiles", {1, 10, 5, 6, 142, 2, 2, 1, 0, 0, 0, 0, 2}},
    {"unaligned_channels_of_several_tiles", {1, 146, 5, 5, 10, 2, 1, 1, 1, 0, 0, 0, 2}},
    {"four_paddings", {1, 4, 6, 8, 4, 4, 3, 2, 2, 1, 3, 0, 1}},
    {"wide_padding", {1, 8, 3, 3, 8, 3, 3, 1, 2, 2, 2, 2, 1}},
    {"more_padding_than_kernel", {1, 8, 3, 4, 8, 3, 3, 1, 4, 5, 6, 3, 1}},
    {"unused_padding", {1, 8, 6, 6, 8, 3, 3, 4, 1, 1, 2, 2, 1}},
    {"one_by_one", {3, 16, 3, 3, 16, 1, 1, 1, 0, 0, 0, 0, 1}},
    {"whole_image", {2, 8, 5, 5, 16, 5, 5, 1, 0, 0, 0, 0, 1}},
    {"long_rows", {2, 8, 1, 300, 8, 1, 7, 1, 0, 3, 0, 3, 1}},
    {"stride_of_two", {2, 8, 13, 10, 16, 3, 5, 2, 1, 2, 0, 3, 1}},
    {"stride_of_three", {1, 5, 17, 19, 7, 4, 3, 3, 2, 1, 1, 2, 1}},
    {"stride_in_groups", {3, 16, 8, 7, 48, 3, 3, 2, 1, 1, 1, 1, 2}},
    {"stride_in_unaligned_groups", {2, 14, 9, 8, 22, 3, 2, 2, 0, 1, 1, 1, 2}},
    {"large_stride_in_unaligned_groups", {1, 34, 6, 7, 26, 5, 3, 3, 2, 2, 1, 0, 2}},
    {"stride_a_group_a_channel", {1, 3, 7, 5, 6, 3, 3, 2, 1, 1, 1, 1, 3}},
    {"pixels_that_no_tap_meets", {2, 11, 7, 9, 13, 1, 1, 2, 0, 0, 0, 0, 1}},
    {"many_pixels_that_no_tap_meets", {1, 9, 9, 10, 3, 2, 1, 5, 1, 0, 0, 7, 1}},
    {"stride_above_the_size", {1, 8, 2, 1, 8, 2, 2, 4, 3, 2, 1, 3, 1}},
    {"largest_stride", {1, 4, 3, 2, 4, 2, 2, 65535, 1, 0, 0, 0, 1}},
};

// Allows for a sum in float of `terms` products whose magnitudes add up to `magnitude`, and for one
// rounding of the result to T. The rounding errors of a sum of K products, in any order, are within (K + 1)
// u of the sum of the magnitudes (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1). A
// NaN, which an unwritten or poisoned value is, fails.
template <typename T>
void expect_sums(const reference::Values& got, const reference::Values& want,
                 const reference::Values& magnitude, double terms, const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  const double rounding = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double sums = (terms + 1) * kRounding<float> * magnitude[i];
    ASSERT_LE(std::abs(got[i] - want[i]), sums + rounding * (std::abs(want[i]) + sums) + 1e-30)
        << what << " [" << i << "]: got " << got[i] << ", want " << want[i];
  }
}

// Random operands of a shape, and the expected results, which are computed when first used.
class ConvProblem {
 public:
  explicit ConvProblem(const ConvShape& of) : shape(of), spec_(spec_of(of)) {
    TestRandom random(7);
    x = random.tensor(of.images, of.channels, of.height, of.width);
    dy = random.tensor(of.images, of.filters, of.out_height(), of.out_width());
    weights = random.values(static_cast<std::size_t>(of.weights()));
    bias = random.values(static_cast<std::size_t>(of.filters));
  }
  // Each of these checks one result, which was stored as T.
  template <typename T>
  void expect_y(const reference::Values& got, bool relu) const {
    if (!y_) {
      y_ = reference::conv(spec_, x, weights, bias);
      y_magnitude_ = reference::conv(spec_, reference::magnitudes(x), reference::magnitudes(weights),
                                     reference::magnitudes(bias));
    }
    expect_sums<T>(got, relu ? reference::relu(*y_).v : y_->v, y_magnitude_.v,
                   taps() * shape.channels / shape.groups, "y");
  }
  // relu_output: null; or x, the output of a ReLU, whose input's gradient this is.
  template <typename T>
  void expect_input_gradient(const reference::Values& got, const reference::Tensor* relu_output) const {
    const reference::Tensor& dx = gradients().x;
    expect_sums<T>(got, relu_output == nullptr ? dx.v : reference::relu_backward(*relu_output, dx).v,
                   gradient_magnitudes_.x.v, taps() * shape.filters / shape.groups, "input gradient");
  }
  // In the canonical layout.
  void expect_parameter_gradients(const reference::Values& got_weights,
                                  const reference::Values& got_bias) const {
    const double pixels = static_cast<double>(shape.images) * shape.out_height() * shape.out_width();
    expect_sums<float>(got_weights, gradients().weights, gradient_magnitudes_.weights, pixels,
                       "weight gradient");
    expect_sums<float>(got_bias, gradients().bias, gradient_magnitudes_.bias, pixels, "bias gradient");
  }
  [[nodiscard]] double taps() const { return shape.kernel_height * shape.kernel_width; }

  ConvShape shape;
  reference::Tensor x;
  reference::Tensor dy;
  reference::Values weights;
  reference::Values bias;

 private:
  [[nodiscard]] const reference::ProductGradients& gradients() const {
    if (!gradients_) {
      gradients_ = reference::conv_backward(spec_, x, weights, dy);
      gradient_magnitudes_ = reference::conv_backward(
          spec_, reference::magnitudes(x), reference::magnitudes(weights), reference::magnitudes(dy));
    }
    return *gradients_;
  }

  ConvSpec spec_;
  mutable std::optional<reference::Tensor> y_;
  mutable reference::Tensor y_magnitude_;
  mutable std::optional<reference::ProductGradients> gradients_;
  mutable reference::ProductGradients gradient_magnitudes_;
};

}  // namespace convoy
