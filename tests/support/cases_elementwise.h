// Cases of relu, tanh and logistic for the tests of every backend.
#pragma once

#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

// Numbers of elements; GPUs take the next multiple of their alignment.
inline constexpr int kElementCounts[] = {1, 8, 15, 16, 17, 56, 1009, 2400};

// Random operands.
struct ElementwiseProblem {
  // x is within [-spread, spread).
  ElementwiseProblem(int count, double spread) {
    TestRandom random(51);
    x = random.tensor(1, count, 1, 1);
    for (double& value : x.v) value *= spread;
    dy = random.tensor(1, count, 1, 1);
  }
  reference::Tensor x;
  reference::Tensor dy;
};

template <typename T>
void expect_relu(const ElementwiseProblem& p, const std::vector<T>& y, const std::vector<T>& dx,
                 const TensorShape& shape) {
  EXPECT_EQ(unpacked(y, shape).v, reference::relu(p.x).v);
  EXPECT_EQ(unpacked(dx, shape).v, reference::relu_backward(p.x, p.dy).v);
  EXPECT_TRUE(padding_is_zero(y, shape));
  EXPECT_TRUE(padding_is_zero(dx, shape));
}

// With u = 2^-24: the library's tanh is within 4 u of the true value. Computed from the stored y, 1 - y^2 and
// its product with dy round three times, by at most u |dy| each. Compared with the gradient at x, 1 - y^2 is
// off by twice the error of y, and by 4 u more through cancellation.
template <typename T>
void expect_tanh(const ElementwiseProblem& p, const std::vector<T>& y, const std::vector<T>& dx,
                 const TensorShape& shape) {
  const double store = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  const reference::Tensor want = reference::tanh(p.x);
  const reference::Values magnitude = reference::magnitudes(p.dy.v);
  const reference::Tensor got = unpacked(y, shape);
  expect_near(got.v, want.v, reference::magnitudes(want.v), 4 * 0x1p-24 + store, "y");
  reference::Values from_y = p.dy.v;
  for (std::size_t i = 0; i < from_y.size(); ++i) from_y[i] *= 1.0 - got.v[i] * got.v[i];
  const reference::Values gradient = unpacked(dx, shape).v;
  expect_near(gradient, from_y, magnitude, 4 * 0x1p-24 + store, "dx from y");
  expect_near(gradient, reference::tanh_backward(p.x, p.dy).v, magnitude, 12 * 0x1p-24 + 3 * store, "dx");
  EXPECT_TRUE(padding_is_zero(y, shape));
  EXPECT_TRUE(padding_is_zero(dx, shape));
}

// With u = 2^-24: the logistic function is within 4 u of the true value. Computed from the stored y, its
// gradient dy * (y * (1 - y)) rounds three times. Compared with the gradient at x, y * (1 - y) is off by at
// most the error of y.
template <typename T>
void expect_logistic(const ElementwiseProblem& p, const std::vector<T>& y, const std::vector<T>& dx,
                     const TensorShape& shape) {
  const double store = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  const reference::Tensor want = reference::logistic(p.x);
  const reference::Tensor got = unpacked(y, shape);
  expect_near(got.v, want.v, want.v, 4 * 0x1p-24 + store, "y");
  reference::Values from_y = p.dy.v;
  for (std::size_t i = 0; i < from_y.size(); ++i) from_y[i] *= got.v[i] * (1.0 - got.v[i]);
  const reference::Values gradient = unpacked(dx, shape).v;
  expect_near(gradient, from_y, reference::magnitudes(from_y), 4 * 0x1p-24 + store, "dx from y");
  expect_near(gradient, reference::logistic_backward(p.x, p.dy).v, reference::magnitudes(p.dy.v),
              8 * 0x1p-24 + 2 * store, "dx");
  EXPECT_TRUE(padding_is_zero(y, shape));
  EXPECT_TRUE(padding_is_zero(dx, shape));
}

}  // namespace convoy
