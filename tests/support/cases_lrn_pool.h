// Cases of lrn_pool for the tests of every backend.
#pragma once

#include <cmath>

#include "kernels/lrn_pool.h"
#include "tests/support/cases_lrn.h"

namespace convoy {

struct LrnPoolCase {
  const char* name;
  int images, channels, height, width;
  LrnSpec lrn;
  PoolSpec pool;
  int out_height, out_width;
};
// The constants are so large that every term of the normalisation counts.
inline const LrnPoolCase kLrnPoolCases[] = {
    {"alexnet", 2, 96, 15, 15, {5, 2.0, 0.1, 0.75, false}, {PoolSpec::Kind::max, 3, 3, 2, {}, false}, 7, 7},
    {"one_image", 1, 32, 9, 11, {5, 1.0, 0.5, 0.75, true}, {PoolSpec::Kind::max, 3, 3, 2, {}, false}, 4, 5},
    {"wide", 1, 64, 7, 61, {5, 2.0, 0.1, 0.75, true}, {PoolSpec::Kind::max, 3, 3, 2, {}, false}, 3, 30},
    {"awkward",
     3,
     13,
     8,
     7,
     {5, 1.0, 0.5, 0.75, false},
     {PoolSpec::Kind::max, 3, 2, 2, {1, 1, 0, 1}, true},
     4,
     5},
    {"even_window",
     3,
     13,
     8,
     7,
     {4, 1.0, 0.5, 0.75, false},
     {PoolSpec::Kind::max, 3, 2, 2, {1, 1, 0, 1}, true},
     4,
     5},
    {"small_window",
     2,
     24,
     9,
     10,
     {3, 1.0, 0.5, 0.6, false},
     {PoolSpec::Kind::max, 2, 2, 3, {}, false},
     3,
     3},
    {"stride_one",
     2,
     16,
     6,
     6,
     {5, 1.0, 0.5, 0.75, false},
     {PoolSpec::Kind::max, 4, 3, 1, {3, 2, 3, 2}, false},
     9,
     8},
    {"stride_one_8_channels",
     2,
     8,
     6,
     6,
     {5, 1.0, 0.5, 0.75, false},
     {PoolSpec::Kind::max, 4, 3, 1, {3, 2, 3, 2}, false},
     9,
     8},
    {"two_towers",
     2,
     96,
     9,
     11,
     {5, 1.0, 0.5, 0.75, true, 2},
     {PoolSpec::Kind::max, 3, 3, 2, {}, false},
     4,
     5},
    {"groups_of_a_run",
     1,
     48,
     7,
     7,
     {3, 1.0, 0.5, 0.6, false, 3},
     {PoolSpec::Kind::max, 3, 3, 2, {}, false},
     3,
     3},
    {"awkward_groups",
     2,
     20,
     6,
     7,
     {5, 1.0, 0.5, 0.75, false, 5},
     {PoolSpec::Kind::max, 2, 3, 2, {}, false},
     3,
     3},
    {"overhanging", 2, 16, 8, 6, {3, 1.0, 0.5, 0.75, false}, {PoolSpec::Kind::max, 3, 3, 2, {}, true}, 4, 3},
    {"sees_nothing",
     1,
     16,
     3,
     3,
     {5, 1.0, 0.5, 0.75, false},
     {PoolSpec::Kind::max, 2, 2, 2, {2, 2, 2, 2}, false},
     3,
     3},
};

// Random operands of a case, and the expected results.
class LrnPoolProblem {
 public:
  LrnPoolProblem(const LrnPoolCase& k, bool with_relu_input, bool with_relu_output)
      : case_(k), relu_input_(with_relu_input), relu_output_(with_relu_output) {
    TestRandom random(74);
    before_ = random.tensor(k.images, k.channels, k.height, k.width);
    x = relu_input_ ? reference::relu(before_) : before_;
    dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
    normalized_ = reference::lrn(k.lrn, x);
    pooled_ = reference::pool(k.pool, normalized_, k.out_height, k.out_width);
    y_ = relu_output_ ? reference::relu(pooled_) : pooled_;
  }
  [[nodiscard]] LrnPoolShape shape(int block) const {
    const TensorShape in = shape_of(x, block);
    const PoolSpec& pool = case_.pool;
    return {lrn_shape_of(case_.lrn, in),
            {in, shape_of(dy, block), pool.kernel_height, pool.kernel_width, pool.stride, pool.pad.top,
             pool.pad.left},
            relu_input_,
            relu_output_};
  }
  // error: that of lrn. y is a maximum of values that are each within their error. dx is the gradient of lrn
  // for what the maxima pass on, a sum over at most as many windows as a window has elements.
  template <typename T>
  void expect(const std::vector<T>& y, const std::vector<LrnPoolIndex>& where, const std::vector<T>& dx,
              const PoolShape& shape, double error) const {
    expect_near(unpacked(y, shape.out).v, y_.v, reference::magnitudes(pooled_.v), error, "y");
    EXPECT_TRUE(padding_is_zero(y, shape.out));
    reference::Tensor want = reference::lrn_backward(case_.lrn, x, routed(shape.out, dy, where, error));
    if (relu_input_) want = reference::relu_backward(before_, want);
    const reference::Tensor sizes = routed(shape.out, reference::magnitudes(dy), where, error);
    const double windows = double(case_.pool.kernel_height) * case_.pool.kernel_width;
    expect_near(unpacked(dx, shape.in).v, want.v, lrn_gradient_magnitude(case_.lrn, x, sizes),
                error + windows * 0x1p-24, "dx");
    EXPECT_TRUE(padding_is_zero(dx, shape.in));
  }

  reference::Tensor x;
  reference::Tensor dy;

 private:
  // The gradient of the normalised values if the gradient of each output goes to the element that `where`
  // names, which must be the maximum of its window up to the `error` of the normalised values.
  [[nodiscard]] reference::Tensor routed(const TensorShape& out, const reference::Tensor& gradient,
                                         const std::vector<LrnPoolIndex>& where, double error) const {
    reference::Tensor result(x.n, x.c, x.h, x.w);
    for (int n = 0; n < y_.n; ++n) {
      for (int c = 0; c < y_.c; ++c) {
        for (int p = 0; p < y_.h; ++p) {
          for (int q = 0; q < y_.w; ++q) {
            const int index = where[static_cast<std::size_t>(out.offset(n, c, p, q))];
            const double want = y_.at(n, c, p, q);
            if (index == kLrnPoolNowhere) {
              EXPECT_LE(want, 0.0) << "an output without a place";
              continue;
            }
            const int h = p * case_.pool.stride - case_.pool.pad.top + index / case_.pool.kernel_width;
            const int w = q * case_.pool.stride - case_.pool.pad.left + index % case_.pool.kernel_width;
            const bool inside = h >= 0 && h < x.h && w >= 0 && w < x.w;
            EXPECT_TRUE(inside) << "a place outside of the image";
            if (!inside) continue;
            EXPECT_NEAR(normalized_.at(n, c, h, w), want, 2 * error * std::abs(want)) << "not the maximum";
            result.at(n, c, h, w) += gradient.at(n, c, p, q);
          }
        }
      }
    }
    return result;
  }

  LrnPoolCase case_;
  bool relu_input_;
  bool relu_output_;
  reference::Tensor before_;  // x before its ReLU
  reference::Tensor normalized_;
  reference::Tensor pooled_;
  reference::Tensor y_;
};

// Calls body(problem) with and without ReLUs before and after.
template <typename Body>
void for_each_problem(const LrnPoolCase& k, Body&& body) {
  for (const bool relu_input : {false, true}) {
    for (const bool relu_output : {false, true}) {
      SCOPED_TRACE(relu_text(relu_input, relu_output));
      body(LrnPoolProblem(k, relu_input, relu_output));
    }
  }
}

}  // namespace convoy
