// kernels/local on a CPU: all passes against the double-precision reference, in the layouts that occur.
#include "kernels/local.h"

#include <gtest/gtest.h>

#include "lib/base/thread_count.h"
#include "tests/support/cases_local.h"
#include "tests/support/cases_random.h"
#include "tests/support/products.h"

namespace convoy {
namespace {

template <typename T>
void check(const LocalProblem& p, cpu::ProductOptions options) {
  options.element = kElementOf<T>;
  options.train = true;
  const std::unique_ptr<cpu::Product> product = cpu::make_local(p.shape, options);
  const ProductRun run = run_product<T>(*product, p.x, p.weights, p.bias, p.dy, options.input_gradient);
  p.expect_y<T>(run.y.v, options.relu);
  p.expect_parameter_gradients(run.gradients.weights, run.gradients.bias);
  if (options.input_gradient) p.expect_input_gradient<T>(run.gradients.x.v, nullptr);
}

class Local : public ::testing::TestWithParam<ConvCase> {};

TEST_P(Local, MatchesReferenceInItsOwnLayout) {
  const LocalProblem p(GetParam().shape);
  check<float>(p, {});
  check<Bf16>(p, {});
}

TEST_P(Local, MatchesReferenceWithReluAndNoInputGradient) {
  const LocalProblem p(GetParam().shape);
  cpu::ProductOptions options;
  options.relu = true;
  options.input_gradient = false;
  check<float>(p, options);
  check<Bf16>(p, options);
}

TEST_P(Local, MatchesReferenceInEveryLayoutOfItsInput) {
  const LocalProblem p(GetParam().shape);
  for (const int block : {1, 8, 16, GetParam().shape.channels}) {
    SCOPED_TRACE("block " + std::to_string(block));
    cpu::ProductOptions options;
    options.src_block = block;
    check<float>(p, options);
    check<Bf16>(p, options);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Local, ::testing::ValuesIn(local_cases()), case_name);

TEST(LocalRandom, AllPassesInAnyLayout) {
  RandomCases random;
  for (int i = 0; i < 60 && !testing::Test::HasFailure(); ++i) {
    const LocalProblem p(random.conv(random.flip()));
    SCOPED_TRACE(random.trace(i));
    cpu::ProductOptions options;
    options.relu = random.flip();
    if (random.flip()) options.src_block = random.flip() ? 16 : 1 + random.below(20);
    if (random.flip()) {
      check<float>(p, options);
    } else {
      check<Bf16>(p, options);
    }
  }
}

// Inference and the scores before a softmax are what training computes, in float.
TEST(LocalInference, GivesWhatTrainingGives) {
  const LocalProblem p({5, 10, 4, 3, 6, 3, 3, 1, 1, 1, 1, 1, 1});
  cpu::ProductOptions options;
  options.element = Element::bf16;
  options.f32_output = true;
  options.relu = true;
  const std::unique_ptr<cpu::Product> product = cpu::make_local(p.shape, options);
  EXPECT_EQ(product->backward_bytes(), 0U);
  std::vector<float> master(product->master_elements());
  product->pack(floats(p.weights), master.data());
  std::vector<std::byte> forward(product->forward_bytes());
  std::vector<float> bias(product->bias_elements());
  product->pack_bias(floats(p.bias), bias.data());
  cpu::ProductWeights weights{master.data(),
                              forward.empty() ? static_cast<void*>(master.data()) : forward.data(), nullptr,
                              bias.data()};
  product->refresh(weights);
  std::vector<std::byte> scratch(product->scratch_bytes() + 64);
  std::vector<float> dst(static_cast<std::size_t>(product->dst().elements()));
  const std::vector<Bf16> src = packed<Bf16>(p.x, product->src());
  product->forward(src.data(), weights, dst.data(), scratch.data());
  p.expect_y<float>(unpacked(dst, product->dst()).v, true);
}

// Each sum is one thread's, in the order of its terms.
TEST(LocalThreads, DoNotChangeTheBits) {
  const LocalProblem p({9, 20, 5, 4, 40, 3, 3, 1, 1, 1, 1, 1, 2});
  std::vector<ProductRun> runs;
  for (const int threads : {1, 3}) {
    const ThreadCount count(threads);
    cpu::ProductOptions options;
    options.train = true;
    const std::unique_ptr<cpu::Product> product = cpu::make_local(p.shape, options);
    runs.push_back(run_product<float>(*product, p.x, p.weights, p.bias, p.dy, true));
  }
  EXPECT_EQ(runs[0].y.v, runs[1].y.v);
  EXPECT_EQ(runs[0].gradients.x.v, runs[1].gradients.x.v);
  EXPECT_EQ(runs[0].gradients.weights, runs[1].gradients.weights);
  EXPECT_EQ(runs[0].gradients.bias, runs[1].gradients.bias);
}

// Compares the reference with the definition of a derivative. The function is linear in each operand, so
// central differences only err by rounding.
TEST(LocalReference, MatchesFiniteDifferences) {
  LocalProblem o({2, 4, 5, 4, 6, 3, 2, 2, 1, 0, 1, 1, 2});
  const auto spec = spec_of<LocalSpec>(o.shape);
  const auto loss = [&] { return reference::dot(reference::local(spec, o.x, o.weights, o.bias).v, o.dy.v); };
  const reference::ProductGradients g = reference::local_backward(spec, o.x, o.weights, o.dy);
  EXPECT_LT(reference::gradient_error(loss, o.x.v, g.x.v, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.weights, g.weights, 0.5), 1e-12);
  EXPECT_LT(reference::gradient_error(loss, o.bias, g.bias, 0.5), 1e-12);
}

// With equal filters and biases everywhere it is the convolution.
TEST(LocalReference, IsAConvolutionIfPositionsAgree) {
  const ConvShape shape{2, 6, 5, 6, 4, 3, 2, 1, 1, 1, 0, 0, 2};
  const ConvProblem conv(shape);
  LocalProblem local(shape);
  local.x = conv.x;
  const std::size_t positions = static_cast<std::size_t>(positions_of(shape));
  for (std::size_t i = 0; i < local.weights.size(); ++i) {
    local.weights[i] = conv.weights[i % conv.weights.size()];
  }
  for (std::size_t i = 0; i < local.bias.size(); ++i) local.bias[i] = conv.bias[i / positions];
  const reference::Values want = reference::conv(spec_of(shape), conv.x, conv.weights, conv.bias).v;
  const reference::Values got =
      reference::local(spec_of<LocalSpec>(shape), local.x, local.weights, local.bias).v;
  expect_near(got, want, reference::magnitudes(want), 1e-12, "y");
}

}  // namespace
}  // namespace convoy
