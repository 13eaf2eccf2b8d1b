// kernels/lrn_map on a CPU against the double-precision reference, in every layout and both element types.
#include "kernels/lrn_map.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "lib/base/thread_count.h"
#include "tests/support/cases_lrn_map.h"

namespace convoy {
namespace {

template <typename T>
struct Results {
  std::vector<T> y;
  std::vector<T> dx;
};

template <typename T>
Results<T> results_of(const LrnMapProblem& p, int block) {
  const LrnMapShape shape = p.shape(block);
  // What an earlier layer left there must not matter.
  std::vector<float> scratch(
      static_cast<std::size_t>(cpu::lrn_map_scratch(shape)) * static_cast<std::size_t>(omp_get_max_threads()),
      std::nanf(""));
  const std::vector<T> x = packed<T>(p.x, shape.tensor);
  const std::vector<T> dy = packed<T>(p.dy, shape.tensor);
  Results<T> results{std::vector<T>(x.size()), std::vector<T>(x.size())};
  cpu::lrn_map_forward(shape, x.data(), results.y.data(), scratch);
  cpu::lrn_map_backward(shape, x.data(), dy.data(), results.dx.data(), p.relu_input, scratch);
  return results;
}

template <typename T>
void check(const LrnMapProblem& p, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const TensorShape tensor = p.shape(block).tensor;
  Results<T> first;
  for (const int threads : {1, 5}) {
    const ThreadCount thread_count(threads);
    const Results<T> results = results_of<T>(p, block);
    p.expect(results.y, results.dx, tensor, cpu::lrn_map_error<T>(p.k));
    if (threads == 1) first = results;
    EXPECT_EQ(unpacked(results.y, tensor).v, unpacked(first.y, tensor).v) << "depends on the threads";
    EXPECT_EQ(unpacked(results.dx, tensor).v, unpacked(first.dx, tensor).v) << "depends on the threads";
  }
}

class LrnMap : public ::testing::TestWithParam<LrnMapCase> {};

TEST_P(LrnMap, MatchesReferenceInEveryLayout) {
  for (const bool relu_input : {false, true}) {
    SCOPED_TRACE(relu_text(relu_input, false));
    const LrnMapProblem problem(GetParam(), relu_input);
    for (const int block : {1, 8, 16, GetParam().channels}) {
      check<float>(problem, block);
      check<Bf16>(problem, block);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LrnMap, ::testing::ValuesIn(kLrnMapCases), case_name);

// Central differences with step h err by h^2 times the third derivative, which is of the order of 1 here.
TEST(LrnMapReference, MatchesFiniteDifferences) {
  for (const LrnMapSpec& spec : {LrnMapSpec{3, 2.0, 0.3, 0.75, false}, LrnMapSpec{5, 1.0, 9.0, 0.5, true}}) {
    TestRandom random(58);
    reference::Tensor x = random.tensor(2, 2, 6, 4);
    const reference::Tensor dy = random.tensor(2, 2, 6, 4);
    const auto loss = [&] { return reference::dot(reference::lrn_map(spec, x).v, dy.v); };
    EXPECT_LT(reference::gradient_error(loss, x.v, reference::lrn_map_backward(spec, x, dy).v, 1e-4), 1e-6);
  }
}

// By hand from the formula of cuda-convnet's layer: s = 1 + scale / size^2 * sum, also in a corner, where
// only 4 of the 9 pixels exist.
TEST(LrnMapReference, MatchesTheFormulaByHand) {
  reference::Tensor x(1, 1, 3, 3);
  for (std::size_t i = 0; i < x.v.size(); ++i) x.v[i] = static_cast<double>(i + 1);  // 1 to 9
  const reference::Tensor mean = reference::lrn_map({3, 1.0, 0.9, 0.75, true}, x);
  EXPECT_NEAR(mean.at(0, 0, 1, 1), 5.0 / std::pow(1.0 + 0.1 * 285.0, 0.75), 1e-12);
  EXPECT_NEAR(mean.at(0, 0, 0, 0), 1.0 / std::pow(1.0 + 0.1 * (1 + 4 + 16 + 25), 0.75), 1e-12);
  const reference::Tensor sum = reference::lrn_map({3, 2.0, 0.9, 0.75, false}, x);
  EXPECT_NEAR(sum.at(0, 0, 1, 1), 5.0 / std::pow(2.0 + 0.9 * 285.0, 0.75), 1e-12);
}

}  // namespace
}  // namespace convoy
