// kernels/conv: every direction against the double-precision reference, in the layouts that occur.
#include "kernels/conv.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/onednn.h"
#include "tests/support/conv_spec.h"
#include "tests/support/products.h"

namespace convoy {
namespace {

struct Case {
  const char* name;
  ConvShape shape;
};

// images, channels, height, width, filters, kernel, stride, padding (top, left, bottom, right), groups
const Case kCases[] = {
    {"conv1", {2, 3, 31, 27, 16, 11, 11, 4, 0, 0, 3, 3, 1}},
    {"conv2", {2, 32, 7, 7, 32, 5, 5, 1, 2, 2, 2, 2, 2}},
    {"conv3", {3, 16, 5, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"gray", {2, 1, 9, 9, 8, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"one_image", {1, 16, 4, 4, 16, 3, 3, 1, 0, 0, 0, 0, 1}},
    {"odd_channels", {2, 5, 7, 6, 7, 3, 3, 2, 1, 0, 0, 1, 1}},
    {"twenty_filters", {2, 20, 6, 5, 20, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"odd_groups", {2, 6, 7, 7, 9, 3, 3, 1, 1, 1, 1, 1, 3}},
    {"four_paddings", {1, 4, 6, 8, 4, 4, 3, 2, 2, 1, 3, 0, 1}},
    {"wide_padding", {1, 8, 3, 3, 8, 3, 3, 1, 2, 2, 2, 2, 1}},
    {"unused_padding", {1, 8, 6, 6, 8, 3, 3, 4, 1, 1, 2, 2, 1}},
    {"one_by_one", {3, 16, 3, 3, 16, 1, 1, 1, 0, 0, 0, 0, 1}},
    {"whole_image", {2, 8, 5, 5, 16, 5, 5, 1, 0, 0, 0, 0, 1}},
    {"one_filter", {2, 3, 5, 5, 1, 3, 3, 1, 1, 1, 1, 1, 1}},
};

struct Operands {
  reference::Tensor x;
  reference::Values weights;
  reference::Values bias;
  reference::Tensor dy;
};

Operands random_operands(const ConvShape& s, std::uint64_t seed) {
  TestRandom random(seed);
  Operands o;
  o.x = random.tensor(s.images, s.channels, s.height, s.width);
  o.weights = random.values(static_cast<std::size_t>(s.weights()));
  o.bias = random.values(static_cast<std::size_t>(s.filters));
  o.dy = random.tensor(s.images, s.filters, s.out_height(), s.out_width());
  return o;
}

// Rounding errors of a sum of K products, in any order, are within (K + 1) u of the sum of the magnitudes
// (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); sums are in float, and the result is
// rounded to T once more.
template <typename T>
void check(const ConvShape& s, const cpu::ProductOptions& options) {
  const std::uint64_t seed = 11;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Operands o = random_operands(s, seed);
  const ConvSpec spec = spec_of(s);
  const std::unique_ptr<cpu::Product> product = cpu::make_conv(s, options);
  const ProductRun run = run_product<T>(*product, o.x, o.weights, o.bias, o.dy, options.input_gradient);

  reference::Tensor y = reference::conv(spec, o.x, o.weights, o.bias);
  if (options.relu) y = reference::relu(y);
  const reference::ProductGradients g = reference::conv_backward(spec, o.x, o.weights, o.dy);
  const reference::Tensor y_size = reference::conv(
      spec, reference::magnitudes(o.x), reference::magnitudes(o.weights), reference::magnitudes(o.bias));
  const reference::ProductGradients g_size = reference::conv_backward(
      spec, reference::magnitudes(o.x), reference::magnitudes(o.weights), reference::magnitudes(o.dy));

  const int group_channels = s.channels / s.groups;
  const int group_filters = s.filters / s.groups;
  const double window = double(group_channels) * s.kernel_height * s.kernel_width;
  const double outputs = double(s.images) * s.out_height() * s.out_width();
  const double filters = double(group_filters) * s.kernel_height * s.kernel_width;
  const double store = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  expect_near(run.y.v, y.v, y_size.v, (window + 2) * 0x1p-24 + store, "y");
  expect_near(run.gradients.weights, g.weights, g_size.weights, (outputs + 1) * 0x1p-24, "weight gradient");
  expect_near(run.gradients.bias, g.bias, g_size.bias, (outputs + 1) * 0x1p-24, "bias gradient");
  if (options.input_gradient) {
    expect_near(run.gradients.x.v, g.x.v, g_size.x.v, (filters + 1) * 0x1p-24 + store, "input gradient");
  }
}

class Conv : public ::testing::TestWithParam<Case> {};

TEST_P(Conv, MatchesReferenceInItsOwnLayout) {
  cpu::ProductOptions options;
  options.train = true;
  check<float>(GetParam().shape, options);
}

TEST_P(Conv, MatchesReferenceWithReluAndNoInputGradient) {
  cpu::ProductOptions options;
  options.train = true;
  options.relu = true;
  options.input_gradient = false;
  check<float>(GetParam().shape, options);
}

TEST_P(Conv, MatchesReferenceInEveryLayoutOfItsInput) {
  for (const int block : {1, 8, 16, GetParam().shape.channels}) {
    SCOPED_TRACE("block " + std::to_string(block));
    cpu::ProductOptions options;
    options.train = true;
    options.src_block = block;
    check<float>(GetParam().shape, options);
  }
}

TEST_P(Conv, MatchesReferenceInBf16) {
  if (!cpu::onednn_has_bf16()) GTEST_SKIP() << "no bf16 on this processor";
  cpu::ProductOptions options;
  options.train = true;
  options.element = Element::bf16;
  check<Bf16>(GetParam().shape, options);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Conv, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(ConvInference, GivesWhatTrainingGives) {
  const ConvShape shape = kCases[2].shape;
  const Operands o = random_operands(shape, 3);
  cpu::ProductOptions options;
  options.relu = true;
  const std::unique_ptr<cpu::Product> product = cpu::make_conv(shape, options);
  std::vector<float> master(product->master_elements());
  product->pack(floats(o.weights), master.data());
  const std::vector<float> bias = floats(o.bias);
  EXPECT_EQ(product->forward_bytes(), 0U);
  std::vector<std::byte> scratch(product->scratch_bytes() + 64);
  std::vector<float> dst(static_cast<std::size_t>(product->dst().elements()));
  const std::vector<float> src = packed<float>(o.x, product->src());
  product->forward(src.data(), {master.data(), master.data(), master.data(), bias.data()}, dst.data(),
                   scratch.data());
  const reference::Tensor want = reference::relu(reference::conv(spec_of(shape), o.x, o.weights, o.bias));
  // 145 terms of at most 1, so that each of the at most 146 roundings is within 2^-24 * 145.
  const reference::Values size(want.v.size(), 145.0);
  expect_near(unpacked(dst, product->dst()).v, want.v, size, 146 * 0x1p-24, "y");
}

// The reference is held against the definition of a derivative. Its function is linear in each operand, so
// that only rounding is left of central differences.
TEST(ConvReference, MatchesFiniteDifferences) {
  const ConvShape shape{2, 4, 5, 4, 6, 3, 2, 2, 1, 0, 1, 1, 2};
  Operands o = random_operands(shape, 5);
  const ConvSpec spec = spec_of(shape);
  const auto loss = [&] { return reference::dot(reference::conv(spec, o.x, o.weights, o.bias).v, o.dy.v); };
  const reference::ProductGradients g = reference::conv_backward(spec, o.x, o.weights, o.dy);
  EXPECT_LT(reference::gradient_error(loss, o.x.v, g.x.v, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.weights, g.weights, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.bias, g.bias, 0.5), 1e-12);
}

}  // namespace
}  // namespace convoy
