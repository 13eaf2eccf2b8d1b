// kernels/pool against the double-precision reference, in every layout and both element types.
#include "kernels/pool.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

struct Case {
  const char* name;
  int images, channels, height, width;
  int kernel_height, kernel_width, stride;
  Padding pad;
  int out_height, out_width;
};

const Case kCases[] = {
    {"overlapping", 2, 32, 7, 9, 3, 3, 2, {}, 3, 4},
    {"apart", 2, 16, 6, 6, 2, 2, 2, {}, 3, 3},
    {"gaps", 1, 8, 7, 7, 2, 2, 3, {}, 2, 2},
    {"hanging_over", 2, 20, 8, 6, 3, 3, 2, {}, 4, 3},  // ceil=on
    {"padded", 2, 5, 5, 6, 3, 3, 2, {1, 1, 1, 1}, 3, 3},
    {"uneven_padding", 1, 17, 5, 5, 4, 3, 1, {2, 0, 1, 2}, 5, 5},
    {"sees_nothing", 1, 3, 3, 3, 2, 2, 2, {2, 2, 2, 2}, 3, 3},
    {"whole_image", 3, 19, 4, 5, 4, 5, 1, {}, 1, 1},
    {"one_pixel", 1, 1, 1, 1, 1, 1, 1, {}, 1, 1},
    {"wide_window", 1, 2, 3, 11, 1, 7, 3, {0, 3, 0, 3}, 3, 4},
};

PoolSpec spec_of(const Case& k, PoolSpec::Kind kind) {
  PoolSpec spec;
  spec.kind = kind;
  spec.kernel_height = k.kernel_height;
  spec.kernel_width = k.kernel_width;
  spec.stride = k.stride;
  spec.pad = k.pad;
  return spec;
}

// A maximum is exact. An average of n terms, and a sum over at most n windows, is within (n + 2) u of its
// magnitude, and is rounded to T once.
template <typename T>
void check(const Case& k, PoolSpec::Kind kind, int block, bool relu) {
  const std::uint64_t seed = 41;
  SCOPED_TRACE("seed " + std::to_string(seed) + " block " + std::to_string(block));
  TestRandom random(seed);
  // Multiples of 1/128 in [-1, 1): equal maxima do occur.
  const reference::Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const reference::Tensor x = relu ? reference::relu(before) : before;
  const reference::Tensor dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
  const PoolSpec spec = spec_of(k, kind);
  const PoolShape shape{shape_of(x, block), shape_of(dy, block), k.kernel_height, k.kernel_width,
                        k.stride,           k.pad.top,           k.pad.left};
  const bool max = kind == PoolSpec::Kind::max;
  const double terms = double(k.kernel_height) * k.kernel_width;
  const double factor = (terms + 3) * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);

  const std::vector<T> in = packed<T>(x, shape.in);
  std::vector<T> out(static_cast<std::size_t>(shape.out.elements()));
  std::vector<PoolIndex> where(out.size());
  reference::Tensor y = reference::pool(spec, x, k.out_height, k.out_width);
  if (max) {
    cpu::maxpool_forward(shape, relu, in.data(), out.data(), where.data());
  } else {
    cpu::avgpool_forward(shape, relu, in.data(), out.data());
  }
  if (relu) y = reference::relu(y);
  expect_near(unpacked(out, shape.out).v, y.v, reference::Values(y.v.size(), 1.0), max ? 0.0 : factor, "y");
  EXPECT_TRUE(filling_is_zero(out, shape.out));
  if (max) {
    std::vector<T> again(out.size());
    cpu::maxpool_forward(shape, relu, in.data(), again.data(), nullptr);
    EXPECT_EQ(unpacked(again, shape.out).v, unpacked(out, shape.out).v) << "without the indices";
  }

  const std::vector<T> diff_out = packed<T>(dy, shape.out);
  std::vector<T> diff_in(in.size());
  const T* const mask = relu ? in.data() : nullptr;
  if (max) {
    cpu::maxpool_backward(shape, where.data(), diff_out.data(), mask, diff_in.data());
  } else {
    cpu::avgpool_backward(shape, diff_out.data(), mask, diff_in.data());
  }
  reference::Tensor dx = reference::pool_backward(spec, x, dy);
  if (relu) dx = reference::relu_backward(before, dx);
  const reference::Tensor size = reference::pool_backward(spec, x, reference::magnitudes(dy));
  expect_near(unpacked(diff_in, shape.in).v, dx.v, size.v, factor, "dx");
  EXPECT_TRUE(filling_is_zero(diff_in, shape.in));
}

class Pool : public ::testing::TestWithParam<Case> {};

TEST_P(Pool, MatchesReferenceInEveryLayout) {
  for (const auto kind : {PoolSpec::Kind::max, PoolSpec::Kind::average}) {
    for (const int block : {1, 8, 16, GetParam().channels}) {
      for (const bool relu : {false, true}) {
        check<float>(GetParam(), kind, block, relu);
        check<Bf16>(GetParam(), kind, block, relu);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pool, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(MaxPool, ANanIsNotLost) {
  const PoolShape shape{{1, 1, 1, 3, 1}, {1, 1, 1, 1, 1}, 1, 3, 1, 0, 0};
  for (int at = 0; at < 3; ++at) {
    std::vector<float> x{1.0F, 2.0F, 3.0F};
    x[static_cast<std::size_t>(at)] = std::nanf("");
    float y = 0.0F;
    cpu::maxpool_forward(shape, true, x.data(), &y, nullptr);
    EXPECT_TRUE(std::isnan(y)) << at;
  }
}

// The average is linear. The maximum is so as long as the step does not change which element is the largest:
// values are 1/128 apart at least, but for equal ones, which the permutation below rules out.
TEST(PoolReference, MatchesFiniteDifferences) {
  TestRandom random(42);
  for (const auto kind : {PoolSpec::Kind::max, PoolSpec::Kind::average}) {
    const Case k{"", 2, 2, 5, 4, 3, 3, 2, {1, 0, 1, 1}, 3, 2};
    const PoolSpec spec = spec_of(k, kind);
    reference::Tensor x(k.images, k.channels, k.height, k.width);
    for (std::size_t i = 0; i < x.v.size(); ++i) x.v[i] = static_cast<double>(i * 37 % x.v.size());
    const reference::Tensor dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
    const auto loss = [&] {
      return reference::dot(reference::pool(spec, x, k.out_height, k.out_width).v, dy.v);
    };
    EXPECT_LT(reference::gradient_error(loss, x.v, reference::pool_backward(spec, x, dy).v, 0.25), 1e-12);
  }
}

}  // namespace
}  // namespace convoy
