// kernels/lrn_pool: normalisation and pooling in one pass against the double-precision reference of the two.
#include "kernels/lrn_pool.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <string>

#include "kernels/lanes.h"
#include "lib/base/thread_count.h"
#include "tests/support/lrn_bounds.h"

namespace convoy {
namespace {

using cpu::kLanes;
using reference::Tensor;

struct Case {
  const char* name;
  int images, channels, height, width;
  LrnSpec lrn;
  PoolSpec pool;
  int out_height, out_width;
};
constexpr auto kMax = PoolSpec::Kind::max;

// Constants large enough that every term of the normalisation counts.
const Case kCases[] = {
    {"alexnet", 2, 96, 15, 15, {5, 2.0, 0.1, 0.75, false}, {kMax, 3, 3, 2, {}, false}, 7, 7},
    {"one_image", 1, 32, 9, 11, {5, 1.0, 0.5, 0.75, true}, {kMax, 3, 3, 2, {}, false}, 4, 5},
    {"awkward", 3, 13, 8, 7, {5, 1.0, 0.5, 0.75, false}, {kMax, 3, 2, 2, {1, 1, 0, 1}, true}, 4, 5},
    {"small_window", 2, 24, 9, 10, {3, 1.0, 0.5, 0.6, false}, {kMax, 2, 2, 3, {}, false}, 3, 3},
    {"stride_one", 2, 16, 6, 6, {5, 1.0, 0.5, 0.75, false}, {kMax, 4, 3, 1, {3, 2, 3, 2}, false}, 9, 8},
    {"hanging_over", 2, 16, 8, 6, {3, 1.0, 0.5, 0.75, false}, {kMax, 3, 3, 2, {}, true}, 4, 3},
    {"sees_nothing", 1, 16, 3, 3, {5, 1.0, 0.5, 0.75, false}, {kMax, 2, 2, 2, {2, 2, 2, 2}, false}, 3, 3},
};

LrnPoolShape shape_for(const Case& k, const Tensor& x, int block) {
  LrnPoolShape shape;
  shape.lrn = lrn_shape_of(k.lrn, shape_of(x, block));
  PoolShape& pool = shape.pool;
  pool = {shape.lrn.tensor, shape.lrn.tensor, k.pool.kernel_height, k.pool.kernel_width,
          k.pool.stride,    k.pool.pad.top,   k.pool.pad.left};
  pool.out.height = k.out_height;
  pool.out.width = k.out_width;
  return shape;
}

// The gradient of the normalised values when each output's goes to the element that `where` names; which must
// be the maximum of its window but for `error` of the normalised values.
Tensor routed(const Case& k, const LrnPoolShape& shape, const Tensor& normalized, const Tensor& y,
              const Tensor& dy, const std::vector<LrnPoolIndex>& where, double error) {
  Tensor gradient(normalized.n, normalized.c, normalized.h, normalized.w);
  for (int n = 0; n < y.n; ++n) {
    for (int c = 0; c < y.c; ++c) {
      for (int p = 0; p < y.h; ++p) {
        for (int q = 0; q < y.w; ++q) {
          const int index = where[static_cast<std::size_t>(shape.pool.out.offset(n, c, p, q))];
          if (index == kLrnPoolNowhere) {
            EXPECT_LE(y.at(n, c, p, q), 0.0) << "an output without a place";
            continue;
          }
          const int h = p * k.pool.stride - k.pool.pad.top + index / k.pool.kernel_width;
          const int w = q * k.pool.stride - k.pool.pad.left + index % k.pool.kernel_width;
          const bool inside = h >= 0 && h < normalized.h && w >= 0 && w < normalized.w;
          EXPECT_TRUE(inside) << "a place outside of the image";
          if (!inside) continue;
          const double want = y.at(n, c, p, q);
          EXPECT_NEAR(normalized.at(n, c, h, w), want, 2 * error * std::abs(want)) << "not the maximum";
          gradient.at(n, c, h, w) += dy.at(n, c, p, q);
        }
      }
    }
  }
  return gradient;
}

// y is a maximum of values that are each within their error. dx is lrn's of the gradient that the maxima
// route, a sum over at most as many windows as a window has elements.
template <typename T>
void check(const Case& k, int block, bool relu_input, bool relu_output) {
  const std::uint64_t seed = 74;
  SCOPED_TRACE("seed " + std::to_string(seed) + " block " + std::to_string(block) +
               (relu_input ? " relu before" : "") + (relu_output ? " relu after" : ""));
  TestRandom random(seed);
  const Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const Tensor x = relu_input ? reference::relu(before) : before;
  const Tensor dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
  LrnPoolShape shape = shape_for(k, x, block);
  shape.relu_input = relu_input;
  shape.relu_output = relu_output;
  ASSERT_TRUE(cpu::lrn_pool_serves(shape));

  const std::vector<T> in = packed<T>(x, shape.pool.in);
  std::vector<T> scratch(static_cast<std::size_t>(cpu::lrn_pool_scratch(shape)) *
                         static_cast<std::size_t>(omp_get_max_threads()));
  std::vector<T> out(static_cast<std::size_t>(shape.pool.out.elements()));
  std::vector<LrnPoolIndex> where(out.size());
  cpu::lrn_pool_forward<T>(shape, in.data(), out.data(), where.data(), scratch);
  const auto error = lrn_error<T>(k.lrn);
  const Tensor normalized = reference::lrn(k.lrn, x);
  const Tensor pooled = reference::pool(k.pool, normalized, k.out_height, k.out_width);
  const Tensor y = relu_output ? reference::relu(pooled) : pooled;
  const Tensor got = unpacked(out, shape.pool.out);
  expect_near(got.v, y.v, reference::magnitudes(pooled.v), error, "y");
  EXPECT_TRUE(filling_is_zero(out, shape.pool.out));
  std::vector<T> again(out.size());
  cpu::lrn_pool_forward<T>(shape, in.data(), again.data(), nullptr, scratch);
  EXPECT_EQ(unpacked(again, shape.pool.out).v, got.v) << "without places";

  const std::vector<T> gradient = packed<T>(dy, shape.pool.out);
  std::vector<T> result(in.size());
  cpu::lrn_pool_backward(shape, in.data(), where.data(), gradient.data(), result.data());
  const Tensor middle = routed(k, shape, normalized, y, dy, where, error);
  Tensor dx = reference::lrn_backward(k.lrn, x, middle);
  if (relu_input) dx = reference::relu_backward(before, dx);
  const Tensor sizes = routed(k, shape, normalized, y, reference::magnitudes(dy), where, error);
  const double windows = double(k.pool.kernel_height) * k.pool.kernel_width;
  expect_near(unpacked(result, shape.pool.in).v, dx.v, lrn_gradient_magnitude(k.lrn, x, sizes),
              error + windows * 0x1p-24, "dx");
  EXPECT_TRUE(filling_is_zero(result, shape.pool.in));
}

class LrnPool : public ::testing::TestWithParam<Case> {};

TEST_P(LrnPool, MatchesReference) {
  for (const int threads : {1, 3}) {
    const ThreadCount thread_count(threads);
    for (const bool relu_input : {false, true}) {
      for (const bool relu_output : {false, true}) {
        for (const int block : {kLanes, (GetParam().channels + kLanes - 1) / kLanes * kLanes}) {
          check<float>(GetParam(), block, relu_input, relu_output);
          check<Bf16>(GetParam(), block, relu_input, relu_output);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LrnPool, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(LrnPool, ServesWholeRunsOfChannelsAndSmallWindows) {
  const Tensor x(1, 32, 20, 20);
  Case k{"", 1, 32, 20, 20, {5, 2.0, 0.1, 0.75, false}, {kMax, 3, 3, 2, {}, false}, 9, 9};
  EXPECT_TRUE(cpu::lrn_pool_serves(shape_for(k, x, kLanes)));
  EXPECT_FALSE(cpu::lrn_pool_serves(shape_for(k, x, kLanes / 2))) << "half runs";
  k.lrn.size = 4;
  EXPECT_FALSE(cpu::lrn_pool_serves(shape_for(k, x, kLanes))) << "another window over channels";
  k.lrn.size = 5;
  k.pool.kernel_height = k.pool.kernel_width = 16;
  EXPECT_FALSE(cpu::lrn_pool_serves(shape_for(k, x, kLanes)))
      << "an index of the window does not fit one byte";
}

}  // namespace
}  // namespace convoy
