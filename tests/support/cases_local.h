// Cases of local for the tests of every backend: those of conv, and some of its own.
#pragma once

#include <optional>
#include <vector>

#include "kernels/local.h"
#include "tests/support/cases_conv.h"

namespace convoy {

// As kConvCases.
inline constexpr ConvCase kOwnLocalCases[] = {
    {"cuda_convnet", {16, 64, 6, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"cuda_convnet_second", {13, 32, 6, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"rows_of_every_tile", {27, 6, 2, 3, 19, 2, 2, 1, 0, 0, 0, 0, 1}},
    {"an_odd_pair_of_channels", {3, 17, 4, 3, 33, 3, 2, 1, 1, 1, 1, 0, 1}},
    {"groups_of_pairs", {5, 12, 4, 5, 20, 2, 3, 1, 1, 1, 0, 1, 2}},
    {"groups_of_vectors", {2, 96, 3, 3, 64, 2, 2, 1, 0, 0, 0, 0, 2}},
    {"groups_that_cross_blocks", {2, 36, 3, 4, 60, 2, 2, 2, 1, 0, 0, 1, 3}},
    {"three_tiles_of_filters", {2, 24, 3, 3, 80, 2, 2, 1, 0, 1, 1, 0, 1}},
};
[[nodiscard]] inline std::vector<ConvCase> local_cases() {
  std::vector<ConvCase> cases(std::begin(kConvCases), std::end(kConvCases));
  cases.insert(cases.end(), std::begin(kOwnLocalCases), std::end(kOwnLocalCases));
  return cases;
}

// Random operands of a shape, and the expected results, which are computed when first used.
class LocalProblem {
 public:
  explicit LocalProblem(const ConvShape& of) : shape(of), spec_(spec_of<LocalSpec>(of)) {
    TestRandom random(17);
    x = random.tensor(of.images, of.channels, of.height, of.width);
    dy = random.tensor(of.images, of.filters, of.out_height(), of.out_width());
    weights = random.values(static_cast<std::size_t>(local_weights(of)));
    bias = random.values(static_cast<std::size_t>(of.filters * positions_of(of)));
  }
  // Each of these checks one result, which was stored as T.
  template <typename T>
  void expect_y(const reference::Values& got, bool relu) const {
    if (!y_) {
      y_ = reference::local(spec_, x, weights, bias);
      y_magnitude_ = reference::local(spec_, reference::magnitudes(x), reference::magnitudes(weights),
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
    expect_sums<float>(got_weights, gradients().weights, gradient_magnitudes_.weights, shape.images,
                       "weight gradient");
    expect_sums<float>(got_bias, gradients().bias, gradient_magnitudes_.bias, shape.images, "bias gradient");
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
      gradients_ = reference::local_backward(spec_, x, weights, dy);
      gradient_magnitudes_ = reference::local_backward(
          spec_, reference::magnitudes(x), reference::magnitudes(weights), reference::magnitudes(dy));
    }
    return *gradients_;
  }

  LocalSpec spec_;
  mutable std::optional<reference::Tensor> y_;
  mutable reference::Tensor y_magnitude_;
  mutable std::optional<reference::ProductGradients> gradients_;
  mutable reference::ProductGradients gradient_magnitudes_;
};

}  // namespace convoy
