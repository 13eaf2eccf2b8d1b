// The GPU's lrn, pool and lrn_pool against the double-precision reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/cuda/batch.h"
#include "kernels/lrn_pool.h"
#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

using reference::Tensor;

// Of a block on the smallest devices, of compute capability 8.6, 8.9 and 12.
constexpr std::uint64_t kSharedBytes = 99 * 1024;

int padded(int channels) {
  return (channels + kChannelAlignment - 1) / kChannelAlignment * kChannelAlignment;
}

struct LrnCase {
  const char* name;
  int images, channels, height, width;
  LrnSpec spec;
};
// Constants large enough that every term counts.
const LrnCase kLrnCases[] = {
    {"paper", 2, 96, 5, 3, {5, 2.0, 1e-4, 0.75, false}},
    {"strong", 2, 32, 5, 7, {5, 1.0, 0.5, 0.75, false}},
    {"mean_of_three", 3, 16, 3, 3, {3, 1.0, 0.8, 0.75, true}},
    {"even_window", 2, 19, 3, 5, {4, 1.5, 0.3, 0.75, false}},
    {"other_power", 1, 17, 4, 5, {5, 2.0, 0.4, 0.6, false}},
    {"wider_than_channels", 2, 3, 5, 5, {9, 1.0, 0.7, 0.75, false}},
    {"one_channel", 1, 1, 3, 3, {5, 1.0, 0.5, 0.75, true}},
    {"window_of_one", 2, 8, 2, 9, {1, 1.0, 0.5, 0.75, false}},
    {"more_channels_than_threads", 1, 2056, 1, 2, {5, 1.0, 0.3, 0.75, false}},
    {"many_channels_even_window", 1, 2060, 2, 1, {6, 1.0, 0.3, 0.75, false}},
};

LrnShape shape_for(const LrnSpec& spec, const TensorShape& tensor) {
  return {tensor, spec.size, static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / spec.size : spec.alpha), static_cast<float>(spec.beta)};
}

// As in the test of the CPU: s is a sum of at most size + 1 non-negative terms, relative error (size + 4) u;
// the power adds a few u. For bf16 the logarithm and the exponential are approximate (errors of 2^-22 times
// the exponent, at most 4 here), the result is rounded once.
template <typename T>
double lrn_factor(const LrnSpec& spec) {
  const double arithmetic = (2 * (spec.size + 4) + 12) * 0x1p-24;
  return arithmetic + (sizeof(T) == 4 ? 0.0 : kRounding<T> + 0x1p-18);
}
// What the terms of dx add up to without signs: 2 |dy| s^-beta less the result for magnitudes.
Tensor lrn_magnitude(const LrnSpec& spec, const Tensor& x, const Tensor& dy) {
  Tensor size = reference::lrn_backward(spec, reference::magnitudes(x), reference::magnitudes(dy));
  const double power = std::pow(spec.k, -spec.beta);
  for (std::size_t i = 0; i < size.v.size(); ++i) size.v[i] = 2.0 * std::abs(dy.v[i]) * power - size.v[i];
  return size;
}

template <typename T>
void check_lrn(const LrnCase& k, bool relu_input) {
  const std::uint64_t seed = 71;
  SCOPED_TRACE("seed " + std::to_string(seed));
  TestRandom random(seed);
  const Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const Tensor x = relu_input ? reference::relu(before) : before;
  const Tensor dy = random.tensor(k.images, k.channels, k.height, k.width);
  const TensorShape tensor = shape_of(x, padded(k.channels));
  const LrnShape shape = shape_for(k.spec, tensor);
  ASSERT_TRUE(lrn_fits(shape, kSharedBytes));
  const Stream stream;
  const OnDevice<T> in(stream, packed<T>(x, tensor));
  OnDevice<T> out(stream, tensor.elements());
  lrn_forward(stream, shape, in.data(), out.data());
  const Tensor y = reference::lrn(k.spec, x);
  expect_near(unpacked(out.values(), tensor).v, y.v, reference::magnitudes(y.v), lrn_factor<T>(k.spec), "y");
  EXPECT_TRUE(filling_is_zero(out.values(), tensor));

  OnDevice<T> gradient(stream, packed<T>(dy, tensor));
  lrn_backward(stream, shape, in.data(), gradient.data(), gradient.data(), relu_input);
  Tensor dx = reference::lrn_backward(k.spec, x, dy);
  if (relu_input) dx = reference::relu_backward(before, dx);
  expect_near(unpacked(gradient.values(), tensor).v, dx.v, lrn_magnitude(k.spec, x, dy).v,
              lrn_factor<T>(k.spec), "dx");
  EXPECT_TRUE(filling_is_zero(gradient.values(), tensor));
}

class CudaLrn : public ::testing::TestWithParam<LrnCase> {};
TEST_P(CudaLrn, MatchesReference) {
  for (const bool relu_input : {false, true}) {
    check_lrn<float>(GetParam(), relu_input);
    check_lrn<Bf16>(GetParam(), relu_input);
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaLrn, ::testing::ValuesIn(kLrnCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

struct PoolCase {
  const char* name;
  int images, channels, height, width;
  PoolSpec spec;
};
constexpr auto kMax = PoolSpec::Kind::max;
constexpr auto kAverage = PoolSpec::Kind::average;
const PoolCase kPoolCases[] = {
    {"overlapping", 2, 24, 13, 11, {kMax, 3, 3, 2, {}, false}},
    {"overhanging", 2, 13, 8, 6, {kMax, 3, 3, 2, {}, true}},
    {"padded", 3, 5, 7, 9, {kMax, 3, 2, 2, {2, 1, 1, 1}, false}},
    {"gaps", 1, 8, 11, 10, {kMax, 2, 2, 3, {}, false}},
    {"whole_image", 2, 9, 17, 19, {kMax, 17, 19, 1, {}, false}},
    {"average", 2, 32, 15, 15, {kAverage, 3, 3, 2, {}, true}},
    {"average_padded", 2, 7, 6, 5, {kAverage, 4, 3, 1, {3, 2, 2, 0}, false}},
    {"many_channels", 1, 2056, 3, 3, {kMax, 2, 2, 1, {}, false}},
};

int outputs_of(int in, int before, int after, int kernel, int stride, bool ceil) {
  return (in + before + after - kernel + (ceil ? stride - 1 : 0)) / stride + 1;
}
PoolShape pool_shape(const PoolSpec& spec, const TensorShape& in) {
  PoolShape shape{in, in, spec.kernel_height, spec.kernel_width, spec.stride, spec.pad.top, spec.pad.left};
  shape.out.height =
      outputs_of(in.height, spec.pad.top, spec.pad.bottom, spec.kernel_height, spec.stride, spec.ceil);
  shape.out.width =
      outputs_of(in.width, spec.pad.left, spec.pad.right, spec.kernel_width, spec.stride, spec.ceil);
  return shape;
}

// Each sum has at most `window` terms for averages, and as many windows see an element.
template <typename T>
void check_pool(const PoolCase& k, bool relu) {
  const std::uint64_t seed = 72;
  SCOPED_TRACE("seed " + std::to_string(seed) + (relu ? " relu" : ""));
  TestRandom random(seed);
  const Tensor x = random.tensor(k.images, k.channels, k.height, k.width);
  const PoolShape shape = pool_shape(k.spec, shape_of(x, padded(k.channels)));
  const Tensor dy = random.tensor(k.images, k.channels, shape.out.height, shape.out.width);
  const double factor = 2 * (k.spec.kernel_height * k.spec.kernel_width + 2) * 0x1p-24 + kRounding<T>;
  const Stream stream;
  const OnDevice<T> in(stream, packed<T>(x, shape.in));
  OnDevice<T> out(stream, shape.out.elements());
  OnDevice<PoolIndex> where(stream, shape.out.elements());
  const Tensor pooled = reference::pool(k.spec, x, shape.out.height, shape.out.width);
  const Tensor y = relu ? reference::relu(pooled) : pooled;
  const Tensor magnitude =
      reference::pool(k.spec, reference::magnitudes(x), shape.out.height, shape.out.width);
  const OnDevice<T> out_gradient(stream, packed<T>(dy, shape.out));
  OnDevice<T> in_gradient(stream, shape.in.elements());
  const Tensor passed = relu && k.spec.kind == kMax ? reference::relu_backward(pooled, dy) : dy;
  const Tensor dx = reference::pool_backward(k.spec, x, passed);
  const Tensor dx_magnitude = reference::pool_backward(k.spec, x, reference::magnitudes(passed));
  if (k.spec.kind == kMax) {
    maxpool_forward(stream, shape, relu, in.data(), out.data(), where.data());
    EXPECT_EQ(unpacked(out.values(), shape.out).v, y.v);
    maxpool_backward(stream, shape, where.data(), out_gradient.data(), static_cast<const T*>(nullptr),
                     in_gradient.data());
  } else {
    avgpool_forward(stream, shape, relu, in.data(), out.data());
    expect_near(unpacked(out.values(), shape.out).v, y.v, magnitude.v, factor, "y");
    avgpool_backward(stream, shape, out_gradient.data(), static_cast<const T*>(nullptr), in_gradient.data());
  }
  expect_near(unpacked(in_gradient.values(), shape.in).v, dx.v, dx_magnitude.v, factor, "dx");
  EXPECT_TRUE(filling_is_zero(out.values(), shape.out));
  EXPECT_TRUE(filling_is_zero(in_gradient.values(), shape.in));
}

// The gradient of the ReLU before the pooling.
template <typename T>
void check_pool_relu_input(const PoolCase& k) {
  TestRandom random(73);
  const Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const Tensor x = reference::relu(before);
  const PoolShape shape = pool_shape(k.spec, shape_of(x, padded(k.channels)));
  const Tensor dy = random.tensor(k.images, k.channels, shape.out.height, shape.out.width);
  const double factor = 2 * (k.spec.kernel_height * k.spec.kernel_width + 2) * 0x1p-24 + kRounding<T>;
  const Stream stream;
  const OnDevice<T> in(stream, packed<T>(x, shape.in));
  const OnDevice<T> out_gradient(stream, packed<T>(dy, shape.out));
  OnDevice<T> out(stream, shape.out.elements());
  OnDevice<PoolIndex> where(stream, shape.out.elements());
  OnDevice<T> in_gradient(stream, shape.in.elements());
  if (k.spec.kind == kMax) {
    maxpool_forward(stream, shape, false, in.data(), out.data(), where.data());
    maxpool_backward(stream, shape, where.data(), out_gradient.data(), in.data(), in_gradient.data());
  } else {
    avgpool_backward(stream, shape, out_gradient.data(), in.data(), in_gradient.data());
  }
  const Tensor dx = reference::relu_backward(before, reference::pool_backward(k.spec, x, dy));
  const Tensor magnitude = reference::pool_backward(k.spec, x, reference::magnitudes(dy));
  expect_near(unpacked(in_gradient.values(), shape.in).v, dx.v, magnitude.v, factor, "dx");
}

class CudaPool : public ::testing::TestWithParam<PoolCase> {};
TEST_P(CudaPool, MatchesReference) {
  for (const bool relu : {false, true}) {
    check_pool<float>(GetParam(), relu);
    check_pool<Bf16>(GetParam(), relu);
  }
  check_pool_relu_input<float>(GetParam());
  check_pool_relu_input<Bf16>(GetParam());
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaPool, ::testing::ValuesIn(kPoolCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

struct FusedCase {
  const char* name;
  int images, channels, height, width;
  LrnSpec lrn;
  PoolSpec pool;
};
const FusedCase kFusedCases[] = {
    {"alexnet", 2, 96, 15, 15, {5, 2.0, 0.1, 0.75, false}, {kMax, 3, 3, 2, {}, false}},
    {"several_tiles", 1, 256, 27, 61, {5, 2.0, 0.1, 0.75, true}, {kMax, 3, 3, 2, {}, false}},
    {"awkward", 3, 13, 8, 7, {4, 1.0, 0.5, 0.75, false}, {kMax, 3, 2, 2, {1, 1, 0, 1}, true}},
    {"small_window", 2, 24, 9, 10, {3, 1.0, 0.5, 0.6, false}, {kMax, 2, 2, 3, {}, false}},
    {"stride_one", 2, 8, 6, 6, {5, 1.0, 0.5, 0.75, false}, {kMax, 4, 3, 1, {3, 2, 3, 2}, false}},
};

// One pass gives the bits of two passes in fp32. In bf16 two passes round the gradient between them, and one
// does not: half a unit of the largest part more. Magnitudes are those of dx's terms.
template <typename T>
void check_fused(const FusedCase& k, bool relu_input, bool relu_output) {
  const std::uint64_t seed = 74;
  SCOPED_TRACE("seed " + std::to_string(seed) + (relu_input ? " relu before" : "") +
               (relu_output ? " relu after" : ""));
  TestRandom random(seed);
  const Tensor before = random.tensor(k.images, k.channels, k.height, k.width);
  const Tensor x = relu_input ? reference::relu(before) : before;
  LrnPoolShape shape;
  shape.lrn = shape_for(k.lrn, shape_of(x, padded(k.channels)));
  shape.pool = pool_shape(k.pool, shape.lrn.tensor);
  shape.relu_input = relu_input;
  shape.relu_output = relu_output;
  ASSERT_TRUE(lrn_pool_fits(shape, sizeof(T) == 4 ? Element::f32 : Element::bf16, kSharedBytes));
  const PoolShape& pool = shape.pool;
  const Tensor dy = random.tensor(k.images, k.channels, pool.out.height, pool.out.width);

  const Stream stream;
  const OnDevice<T> in(stream, packed<T>(x, pool.in));
  const OnDevice<T> gradient(stream, packed<T>(dy, pool.out));
  OnDevice<T> normalized(stream, pool.in.elements());
  OnDevice<T> wanted(stream, pool.out.elements());
  OnDevice<PoolIndex> wanted_where(stream, pool.out.elements());
  lrn_forward(stream, shape.lrn, in.data(), normalized.data());
  maxpool_forward(stream, pool, relu_output, normalized.data(), wanted.data(), wanted_where.data());
  OnDevice<T> wanted_gradient(stream, pool.in.elements());
  maxpool_backward(stream, pool, wanted_where.data(), gradient.data(), static_cast<const T*>(nullptr),
                   wanted_gradient.data());
  const Tensor pooled_gradient = unpacked(wanted_gradient.values(), pool.in);
  lrn_backward(stream, shape.lrn, in.data(), wanted_gradient.data(), wanted_gradient.data(), relu_input);

  OnDevice<T> got(stream, pool.out.elements());
  OnDevice<LrnPoolIndex> where(stream, pool.out.elements());
  OnDevice<T> got_gradient(stream, pool.in.elements());
  lrn_pool_forward(stream, shape, in.data(), got.data(), where.data());
  lrn_pool_backward(stream, shape, in.data(), where.data(), gradient.data(), got_gradient.data());
  EXPECT_EQ(unpacked(got.values(), pool.out).v, unpacked(wanted.values(), pool.out).v);
  EXPECT_TRUE(filling_is_zero(got.values(), pool.out));
  EXPECT_TRUE(filling_is_zero(got_gradient.values(), pool.in));
  expect_near(unpacked(got_gradient.values(), pool.in).v, unpacked(wanted_gradient.values(), pool.in).v,
              lrn_magnitude(k.lrn, x, pooled_gradient).v, sizeof(T) == 4 ? 0x1p-23 : 4 * kRounding<T>, "dx");
}

class CudaLrnPool : public ::testing::TestWithParam<FusedCase> {};
TEST_P(CudaLrnPool, IsLrnThenPool) {
  for (const bool relu_input : {false, true}) {
    for (const bool relu_output : {false, true}) {
      check_fused<float>(GetParam(), relu_input, relu_output);
      check_fused<Bf16>(GetParam(), relu_input, relu_output);
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaLrnPool, ::testing::ValuesIn(kFusedCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

TEST(CudaLrnPool, RefusesWhatASharedMemoryCannotHold) {
  LrnPoolShape shape;
  shape.lrn.tensor = {1, 20000, 9, 9, 20000};
  shape.pool = pool_shape({kMax, 3, 3, 2, {}, false}, shape.lrn.tensor);
  EXPECT_FALSE(lrn_pool_fits(shape, Element::bf16, kSharedBytes));
  EXPECT_FALSE(lrn_pool_fits(shape, Element::bf16, 227 * 1024));
  shape.lrn.tensor = {1, 5000, 9, 9, 5000};
  shape.pool = pool_shape({kMax, 3, 3, 2, {}, false}, shape.lrn.tensor);
  EXPECT_TRUE(lrn_pool_fits(shape, Element::bf16, 9 * 5000 * 2)) << "the rows and columns of a window";
  EXPECT_FALSE(lrn_pool_fits(shape, Element::bf16, 9 * 5000 * 2 - 1));
  EXPECT_TRUE(lrn_fits(shape.lrn, 5000 * 4));
  EXPECT_FALSE(lrn_fits(shape.lrn, 5000 * 4 - 1));
  shape.lrn.tensor = {1, 8, 40, 40, 8};
  shape.pool = pool_shape({kMax, 16, 16, 2, {}, false}, shape.lrn.tensor);
  EXPECT_FALSE(lrn_pool_fits(shape, Element::bf16, kSharedBytes))
      << "an index of the window does not fit one byte";
}

}  // namespace
}  // namespace convoy::cuda
