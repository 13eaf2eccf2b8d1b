// kernels/fc: every direction against the double-precision reference, from every layout of its input.
#include "kernels/fc.h"

#include <gtest/gtest.h>

#include "tests/support/products.h"

namespace convoy {
namespace {

struct Case {
  const char* name;
  int images;
  int channels;
  int height;
  int width;
  int outputs;
};

const Case kCases[] = {
    {"fc6", 4, 32, 3, 3, 64},        {"fc7", 5, 64, 1, 1, 48},
    {"fc8", 3, 48, 1, 1, 10},        {"primes", 3, 7, 5, 3, 11},
    {"one_image", 1, 16, 2, 2, 16},  {"one_input", 2, 1, 1, 1, 3},
    {"two_classes", 4, 17, 1, 1, 2}, {"twenty_channels", 2, 20, 3, 2, 33},
};

class Fc : public ::testing::TestWithParam<Case> {};

TEST_P(Fc, MatchesReference) {
  const Case& k = GetParam();
  const std::uint64_t seed = 21;
  SCOPED_TRACE("seed " + std::to_string(seed));
  TestRandom random(seed);
  const reference::Tensor x = random.tensor(k.images, k.channels, k.height, k.width);
  const auto inputs = static_cast<std::size_t>(k.channels) * k.height * k.width;
  const reference::Values weights = random.values(inputs * k.outputs);
  const reference::Values bias = random.values(static_cast<std::size_t>(k.outputs));
  const reference::Tensor dy = random.tensor(k.images, k.outputs, 1, 1);
  const reference::Tensor y = reference::fc(k.outputs, x, weights, bias);
  const reference::Tensor y_size = reference::fc(k.outputs, reference::magnitudes(x),
                                                 reference::magnitudes(weights), reference::magnitudes(bias));
  const reference::ProductGradients g = reference::fc_backward(x, weights, dy);
  const reference::ProductGradients g_size = reference::fc_backward(
      reference::magnitudes(x), reference::magnitudes(weights), reference::magnitudes(dy));

  for (const int block : {1, 8, 16, k.channels}) {
    for (const bool relu : {false, true}) {
      SCOPED_TRACE("block " + std::to_string(block) + (relu ? " with relu" : ""));
      cpu::ProductOptions options;
      options.train = true;
      options.relu = relu;
      const auto product = cpu::make_fc({shape_of(x, block), k.outputs}, options);
      EXPECT_EQ(product->activation_reorders(), 0);
      EXPECT_EQ(product->dst().image_elements(), k.outputs);
      const ProductRun run = run_product<float>(*product, x, weights, bias, dy, true);
      // A sum of K products is within (K + 1) u of the sum of their magnitudes (see conv_test.cpp).
      const reference::Tensor want = relu ? reference::relu(y) : y;
      expect_near(run.y.v, want.v, y_size.v, (static_cast<double>(inputs) + 2) * 0x1p-24, "y");
      expect_near(run.gradients.weights, g.weights, g_size.weights, (k.images + 1) * 0x1p-24,
                  "weight gradient");
      expect_near(run.gradients.bias, g.bias, g_size.bias, (k.images + 1) * 0x1p-24, "bias gradient");
      expect_near(run.gradients.x.v, g.x.v, g_size.x.v, (k.outputs + 1) * 0x1p-24, "input gradient");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Fc, ::testing::ValuesIn(kCases),
                         [](const auto& tested) { return std::string(tested.param.name); });

// Linear in each operand: only rounding is left of central differences.
TEST(FcReference, MatchesFiniteDifferences) {
  TestRandom random(22);
  reference::Tensor x = random.tensor(3, 4, 2, 1);
  reference::Values weights = random.values(5 * 8);
  reference::Values bias = random.values(5);
  const reference::Tensor dy = random.tensor(3, 5, 1, 1);
  const auto loss = [&] { return reference::dot(reference::fc(5, x, weights, bias).v, dy.v); };
  const reference::ProductGradients g = reference::fc_backward(x, weights, dy);
  EXPECT_LT(reference::gradient_error(loss, x.v, g.x.v, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, weights, g.weights, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, bias, g.bias, 0.5), 1e-12);
}

}  // namespace
}  // namespace convoy
