// kernels/conv on a CPU: all passes against the double-precision reference, in the layouts that occur.
#include "kernels/conv.h"

#include <gtest/gtest.h>

#include "kernels/onednn.h"
#include "tests/support/cases_conv.h"
#include "tests/support/products.h"

namespace convoy {
namespace {

template <typename T>
void check(const ConvShape& s, const cpu::ProductOptions& options) {
  const ConvProblem p(s);
  const std::unique_ptr<cpu::Product> product = cpu::make_conv(s, options);
  const ProductRun run = run_product<T>(*product, p.x, p.weights, p.bias, p.dy, options.input_gradient);
  p.expect_y<T>(run.y.v, options.relu);
  p.expect_parameter_gradients(run.gradients.weights, run.gradients.bias);
  if (options.input_gradient) p.expect_input_gradient<T>(run.gradients.x.v, nullptr);
}

class Conv : public ::testing::TestWithParam<ConvCase> {};

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

INSTANTIATE_TEST_SUITE_P(Shapes, Conv, ::testing::ValuesIn(kConvCases), case_name);

TEST(ConvInference, GivesWhatTrainingGives) {
  const ConvProblem p({3, 16, 5, 6, 32, 3, 3, 1, 1, 1, 1, 1, 1});
  cpu::ProductOptions options;
  options.relu = true;
  const std::unique_ptr<cpu::Product> product = cpu::make_conv(p.shape, options);
  std::vector<float> master(product->master_elements());
  product->pack(floats(p.weights), master.data());
  const std::vector<float> bias = floats(p.bias);
  EXPECT_EQ(product->forward_bytes(), 0U);
  std::vector<std::byte> scratch(product->scratch_bytes() + 64);
  std::vector<float> dst(static_cast<std::size_t>(product->dst().elements()));
  const std::vector<float> src = packed<float>(p.x, product->src());
  product->forward(src.data(), {master.data(), master.data(), master.data(), bias.data()}, dst.data(),
                   scratch.data());
  p.expect_y<float>(unpacked(dst, product->dst()).v, true);
}

// Compares the reference with the definition of a derivative. The function is linear in each operand, so
// central differences only err by rounding.
TEST(ConvReference, MatchesFiniteDifferences) {
  const ConvShape shape{2, 4, 5, 4, 6, 3, 2, 2, 1, 0, 1, 1, 2};
  ConvProblem o(shape);
  const ConvSpec spec = spec_of(shape);
  const auto loss = [&] { return reference::dot(reference::conv(spec, o.x, o.weights, o.bias).v, o.dy.v); };
  const reference::ProductGradients g = reference::conv_backward(spec, o.x, o.weights, o.dy);
  EXPECT_LT(reference::gradient_error(loss, o.x.v, g.x.v, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.weights, g.weights, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.bias, g.bias, 0.5), 1e-12);
}

}  // namespace
}  // namespace convoy
