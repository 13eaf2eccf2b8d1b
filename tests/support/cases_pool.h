// Cases of pool for the tests of every backend.
#pragma once

#include <cmath>

#include "kernels/pool.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct PoolCase {
  const char* name;
  int images, channels, height, width;
  int kernel_height, kernel_width, stride;
  Padding pad;
  int out_height, out_width;
};
// The tests take both the maximum and the average of these windows.
inline const PoolCase kPoolCases[] = {
    {"overlapping", 2, 32, 7, 9, 3, 3, 2, {}, 3, 4},
    {"overlapping_24_channels", 2, 24, 13, 11, 3, 3, 2, {}, 6, 5},
    {"apart", 2, 16, 6, 6, 2, 2, 2, {}, 3, 3},
    {"gaps", 1, 8, 7, 7, 2, 2, 3, {}, 2, 2},
    {"wide_gaps", 1, 8, 11, 10, 2, 2, 3, {}, 4, 3},
    {"overhanging", 2, 20, 8, 6, 3, 3, 2, {}, 4, 3},  // ceil=on
    {"overhanging_13_channels", 2, 13, 8, 6, 3, 3, 2, {}, 4, 3},
    {"square", 2, 32, 15, 15, 3, 3, 2, {}, 7, 7},
    {"padded", 2, 5, 5, 6, 3, 3, 2, {1, 1, 1, 1}, 3, 3},
    {"more_padding_above", 3, 5, 7, 9, 3, 2, 2, {2, 1, 1, 1}, 4, 5},
    {"uneven_padding", 1, 17, 5, 5, 4, 3, 1, {2, 0, 1, 2}, 5, 5},
    {"wide_padding", 2, 7, 6, 5, 4, 3, 1, {3, 2, 2, 0}, 8, 5},
    {"sees_nothing", 1, 3, 3, 3, 2, 2, 2, {2, 2, 2, 2}, 3, 3},
    {"whole_image", 3, 19, 4, 5, 4, 5, 1, {}, 1, 1},
    {"large_window", 2, 9, 17, 19, 17, 19, 1, {}, 1, 1},
    {"one_pixel", 1, 1, 1, 1, 1, 1, 1, {}, 1, 1},
    {"wide_window", 1, 2, 3, 11, 1, 7, 3, {0, 3, 0, 3}, 3, 4},
    {"many_channels", 1, 2056, 3, 3, 2, 2, 1, {}, 2, 2},
};

[[nodiscard]] inline PoolSpec spec_of(const PoolCase& k, PoolSpec::Kind kind) {
  PoolSpec spec;
  spec.kind = kind;
  spec.kernel_height = k.kernel_height;
  spec.kernel_width = k.kernel_width;
  spec.stride = k.stride;
  spec.pad = k.pad;
  return spec;
}

// Random operands of a case, and the expected results.
class PoolProblem {
 public:
  // Multiples of 1/128 in [-1, 1): equal maxima do occur.
  PoolProblem(const PoolCase& k, PoolSpec::Kind kind, bool with_relu_input, bool with_relu)
      : max(kind == PoolSpec::Kind::max), relu_input(with_relu_input), relu(with_relu), case_(k) {
    TestRandom random(41);
    const reference::Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
    x = relu_input ? reference::relu(before) : before;
    dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
    const PoolSpec spec = spec_of(k, kind);
    const reference::Tensor pooled = reference::pool(spec, x, k.out_height, k.out_width);
    y_ = relu ? reference::relu(pooled) : pooled;
    y_magnitude_ = reference::pool(spec, reference::magnitudes(x), k.out_height, k.out_width);
    dy_before_relu = relu ? reference::relu_backward(pooled, dy) : dy;
    dx_ = reference::pool_backward(spec, x, dy_before_relu);
    if (relu_input) dx_ = reference::relu_backward(before, dx_);
    dx_magnitude_ = reference::pool_backward(spec, x, reference::magnitudes(dy_before_relu));
  }
  [[nodiscard]] PoolShape shape(int block) const {
    return {shape_of(x, block), shape_of(dy, block), case_.kernel_height, case_.kernel_width,
            case_.stride,       case_.pad.top,       case_.pad.left};
  }
  // A maximum is exact. An average of n terms, or a sum over at most n windows, is within (n + 3) u of its
  // magnitude, and is rounded to T once.
  template <typename T>
  void expect(const std::vector<T>& y, const std::vector<T>& dx, const PoolShape& shape) const {
    const double terms = double(case_.kernel_height) * case_.kernel_width;
    const double factor = (terms + 3) * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
    expect_near(unpacked(y, shape.out).v, y_.v, y_magnitude_.v, max ? 0.0 : factor, "y");
    EXPECT_TRUE(padding_is_zero(y, shape.out));
    expect_near(unpacked(dx, shape.in).v, dx_.v, dx_magnitude_.v, factor, "dx");
    EXPECT_TRUE(padding_is_zero(dx, shape.in));
  }

  bool max;
  bool relu_input;  // x is the output of a ReLU
  bool relu;        // after the pooling
  reference::Tensor x;
  reference::Tensor dy;              // the gradient of y
  reference::Tensor dy_before_relu;  // the gradient of the maximum or average

 private:
  PoolCase case_;
  reference::Tensor y_;
  reference::Tensor y_magnitude_;
  reference::Tensor dx_;
  reference::Tensor dx_magnitude_;
};

// Calls body(problem) for the maximum and the average, with and without ReLUs.
template <typename Body>
void for_each_problem(const PoolCase& k, Body&& body) {
  for (const auto kind : {PoolSpec::Kind::max, PoolSpec::Kind::average}) {
    for (const bool relu_input : {false, true}) {
      for (const bool relu : {false, true}) {
        SCOPED_TRACE((kind == PoolSpec::Kind::max ? "maximum, " : "average, ") + relu_text(relu_input, relu));
        body(PoolProblem(k, kind, relu_input, relu));
      }
    }
  }
}

}  // namespace convoy
