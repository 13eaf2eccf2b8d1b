// kernels/relu and kernels/tanh, and the rounding of kernels/bf16.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/relu.h"
#include "kernels/tanh.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

const int kCounts[] = {1, 15, 16, 17, 1009};

template <typename T>
class Elementwise : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(Elementwise, Elements);

TYPED_TEST(Elementwise, ReluIsExact) {
  for (const int count : kCounts) {
    TestRandom random(51);
    const reference::Tensor x = random.tensor(1, count, 1, 1);
    const reference::Tensor dy = random.tensor(1, count, 1, 1);
    const TensorShape shape = shape_of(x, 1);
    const std::vector<TypeParam> in = packed<TypeParam>(x, shape);
    std::vector<TypeParam> out(in.size());
    cpu::relu_forward<TypeParam>(count, in.data(), out.data());
    EXPECT_EQ(unpacked(out, shape).v, reference::relu(x).v);
    std::vector<TypeParam> gradient = packed<TypeParam>(dy, shape);
    cpu::relu_backward<TypeParam>(count, out.data(), gradient.data(), gradient.data());
    EXPECT_EQ(unpacked(gradient, shape).v, reference::relu_backward(x, dy).v);
  }
}

// tanhf is within 3 u of the true value; the derivative 1 - y^2 loses at most 4 u of 1 by cancellation.
TYPED_TEST(Elementwise, TanhMatchesReference) {
  const double store = sizeof(TypeParam) == 4 ? 0.0 : kRounding<TypeParam>;
  for (const int count : kCounts) {
    TestRandom random(52);
    reference::Tensor x = random.tensor(1, count, 1, 1);
    for (double& value : x.v) value *= 4.0;
    const reference::Tensor dy = random.tensor(1, count, 1, 1);
    const TensorShape shape = shape_of(x, 1);
    const std::vector<TypeParam> in = packed<TypeParam>(x, shape);
    std::vector<TypeParam> out(in.size());
    cpu::tanh_forward<TypeParam>(count, in.data(), out.data());
    const reference::Tensor y = reference::tanh(x);
    expect_near(unpacked(out, shape).v, y.v, reference::magnitudes(y.v), 4 * 0x1p-24 + store, "y");
    const std::vector<TypeParam> diff_out = packed<TypeParam>(dy, shape);
    std::vector<TypeParam> gradient(in.size());
    cpu::tanh_backward<TypeParam>(count, out.data(), diff_out.data(), gradient.data());
    // y is stored rounded: 1 - y^2 moves by twice that.
    expect_near(unpacked(gradient, shape).v, reference::tanh_backward(x, dy).v, reference::magnitudes(dy.v),
                12 * 0x1p-24 + 3 * store, "dx");
  }
}

TEST(ReluKernel, ANanIsNotLost) { EXPECT_TRUE(std::isnan(relu(std::nanf("")))); }

TEST(ElementwiseReference, MatchesFiniteDifferences) {
  TestRandom random(53);
  reference::Tensor x = random.tensor(1, 40, 1, 1);
  for (double& value : x.v) value += value >= 0.0 ? 0.5 : -0.5;  // away from the kink
  const reference::Tensor dy = random.tensor(1, 40, 1, 1);
  const auto relu_loss = [&] { return reference::dot(reference::relu(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(relu_loss, x.v, reference::relu_backward(x, dy).v, 0.25), 1e-12);
  const auto tanh_loss = [&] { return reference::dot(reference::tanh(x).v, dy.v); };
  EXPECT_LT(reference::gradient_error(tanh_loss, x.v, reference::tanh_backward(x, dy).v, 1e-4), 1e-7);
}

TEST(Bf16Rounding, IsToNearestWithTiesToEven) {
  EXPECT_EQ(from_float<Bf16>(1.0F).bits, 0x3F80);
  EXPECT_EQ(from_float<Bf16>(1.0F + 0x1p-8F).bits, 0x3F80);             // a tie, down to even
  EXPECT_EQ(from_float<Bf16>(1.0F + 0x1p-8F + 0x1p-20F).bits, 0x3F81);  // above the tie
  EXPECT_EQ(from_float<Bf16>(1.0F + 3 * 0x1p-8F).bits, 0x3F82);         // a tie, up to even
  EXPECT_EQ(from_float<Bf16>(-0.0F).bits, 0x8000);
  EXPECT_EQ(from_float<Bf16>(std::numeric_limits<float>::max()).bits, 0x7F80);  // rounds to infinity
  EXPECT_EQ(from_float<Bf16>(std::numeric_limits<float>::infinity()).bits, 0x7F80);
  EXPECT_TRUE(std::isnan(to_float(from_float<Bf16>(std::nanf("")))));
  // The NaN whose upper half alone would be an infinity.
  EXPECT_TRUE(std::isnan(to_float(from_float<Bf16>(std::bit_cast<float>(0x7F800001U)))));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const Bf16 value{static_cast<std::uint16_t>(bits)};
    if (!std::isnan(to_float(value))) {
      EXPECT_EQ(from_float<Bf16>(to_float(value)).bits, bits);
    }
  }
}

}  // namespace
}  // namespace convoy
