// Cases of fc for the tests of every backend.
#pragma once

#include "kernels/fc.h"
#include "tests/support/cases.h"
#include "tests/support/products.h"

namespace convoy {

struct FcCase {
  const char* name;
  int images, channels, height, width, outputs;
};
inline constexpr FcCase kFcCases[] = {
    {"fc6", 4, 32, 3, 3, 64},        {"fc7", 5, 64, 1, 1, 48},
    {"fc8", 3, 48, 1, 1, 10},        {"primes", 3, 7, 5, 3, 11},
    {"one_image", 1, 16, 2, 2, 16},  {"one_input", 2, 1, 1, 1, 3},
    {"two_classes", 4, 17, 1, 1, 2}, {"twenty_channels", 2, 20, 3, 2, 33},
};

// Random operands of a case, and the expected results.
class FcProblem {
 public:
  explicit FcProblem(const FcCase& k) : outputs(k.outputs) {
    TestRandom random(21);
    x = random.tensor(k.images, k.channels, k.height, k.width);
    weights = random.tensor(k.outputs, k.channels, k.height, k.width);
    bias = random.values(static_cast<std::size_t>(k.outputs));
    dy = random.tensor(k.images, k.outputs, 1, 1);
    y_ = reference::fc(outputs, x, weights.v, bias);
    y_magnitude_ = reference::fc(outputs, reference::magnitudes(x), reference::magnitudes(weights.v),
                                 reference::magnitudes(bias));
    gradients_ = reference::fc_backward(x, weights.v, dy);
    gradient_magnitudes_ = reference::fc_backward(reference::magnitudes(x), reference::magnitudes(weights.v),
                                                  reference::magnitudes(dy));
  }
  // store: the relative error of storing y and the input gradient. A sum of K products is within (K + 1) u of
  // the sum of their magnitudes (see cases_conv.h).
  void expect(const ProductRun& run, bool relu, double store) const {
    const reference::Tensor y = relu ? reference::relu(y_) : y_;
    const double inputs = static_cast<double>(x.v.size()) / x.n;
    expect_near(run.y.v, y.v, y_magnitude_.v, (inputs + 2) * 0x1p-24 + store, "y");
    expect_near(run.gradients.weights, gradients_.weights, gradient_magnitudes_.weights, (x.n + 1) * 0x1p-24,
                "weight gradient");
    expect_near(run.gradients.bias, gradients_.bias, gradient_magnitudes_.bias, (x.n + 1) * 0x1p-24,
                "bias gradient");
    expect_near(run.gradients.x.v, gradients_.x.v, gradient_magnitudes_.x.v, (outputs + 1) * 0x1p-24 + store,
                "input gradient");
  }

  int outputs;
  reference::Tensor x;
  reference::Tensor weights;  // [outputs][C][H][W]
  reference::Values bias;
  reference::Tensor dy;

 private:
  reference::Tensor y_;
  reference::Tensor y_magnitude_;
  reference::ProductGradients gradients_;
  reference::ProductGradients gradient_magnitudes_;
};

}  // namespace convoy
