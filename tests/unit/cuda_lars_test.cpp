// kernels/lars on a GPU against the equation of the paper in double precision.
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/cases_lars.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// Padded to the next multiple of four with what must not be counted.
std::vector<float> with_room(std::vector<float> values) {
  values.resize((values.size() + 3) / 4 * 4, kNaN);
  return values;
}

// The operands of a problem in device memory; what is computed starts as NaN.
struct Operands {
  Operands(const Stream& stream, const LarsProblem& problem)
      : size(static_cast<std::int64_t>(problem.w.size())),
        w(stream, with_room(problem.w)),
        g(stream, with_room(problem.g)),
        rule(stream, std::vector<LarsRule>{problem.rule}),
        step(stream, std::vector<SgdCoefficients>{{kNaN, kNaN, kNaN}}) {}
  [[nodiscard]] LarsTensor tensor() { return {size, w.data(), g.data(), rule.data(), step.data()}; }
  std::int64_t size;
  OnDevice<float> w;
  OnDevice<float> g;
  OnDevice<LarsRule> rule;
  OnDevice<SgdCoefficients> step;
};

OnDevice<LarsSquares> new_scratch(const Stream& stream) {
  return {stream, std::vector<LarsSquares>(kLarsScratch, {double{kNaN}, double{kNaN}})};
}

class CudaLars : public ::testing::TestWithParam<LarsCase> {};

TEST_P(CudaLars, FollowsThePaper) {
  const LarsProblem problem(GetParam());
  const Stream stream;
  Operands operands(stream, problem);
  OnDevice<LarsSquares> scratch = new_scratch(stream);
  LarsTensors tensors{};
  tensors.tensor[0] = operands.tensor();
  lars_coefficients(stream, tensors, 1, scratch.data());
  problem.expect(operands.step.values()[0]);
}

INSTANTIATE_TEST_SUITE_P(Sizes, CudaLars, ::testing::ValuesIn(kLarsCases), case_name);

// Each has its own norms, and the same bits as alone.
TEST(CudaLarsTensors, AreMeasuredTogether) {
  static_assert(std::size(kLarsCases) >= kMaxSgdTensors);
  const Stream stream;
  OnDevice<LarsSquares> scratch = new_scratch(stream);
  std::vector<LarsProblem> problems;
  std::vector<Operands> operands;
  LarsTensors tensors{};
  for (int i = 0; i < kMaxSgdTensors; ++i) {
    const auto at = std::size(kLarsCases) - 1 - static_cast<std::size_t>(i);  // the largest first
    problems.emplace_back(kLarsCases[at]);
    operands.emplace_back(stream, problems.back());
  }
  for (int i = 0; i < kMaxSgdTensors; ++i) tensors.tensor[i] = operands[static_cast<std::size_t>(i)].tensor();
  lars_coefficients(stream, tensors, kMaxSgdTensors, scratch.data());
  for (std::size_t i = 0; i < kMaxSgdTensors; ++i) {
    const SgdCoefficients together = operands[i].step.values()[0];
    problems[i].expect(together);
    LarsTensors alone{};
    alone.tensor[0] = operands[i].tensor();
    lars_coefficients(stream, alone, 1, scratch.data());
    EXPECT_EQ(operands[i].step.values()[0].rate, together.rate);
    EXPECT_EQ(operands[i].step.values()[0].decay, together.decay);
  }
}

// The step is read from where it was written: sgd after lars in one stream.
TEST(CudaLarsTensors, AreUpdatedByTheStep) {
  const Stream stream;
  OnDevice<LarsSquares> scratch = new_scratch(stream);
  OnDevice<float> w(stream, {3.0F, 4.0F, 0.0F, 0.0F});
  OnDevice<float> v(stream, {0.0F, 0.0F, 0.0F, 0.0F});
  const OnDevice<float> g(stream, {0.0F, 1e6F, 0.0F, 0.0F});
  const OnDevice<LarsRule> rule(stream, std::vector<LarsRule>{{.trust = 0.001, .rate = 8.0}});
  OnDevice<SgdCoefficients> step(stream, std::vector<SgdCoefficients>(1));
  LarsTensors measured{};
  measured.tensor[0] = {2, w.data(), g.data(), rule.data(), step.data()};
  lars_coefficients(stream, measured, 1, scratch.data());
  SgdTensors updated{};
  updated.tensor[0] = {2, w.data(), v.data(), g.data(), nullptr, step.data()};
  sgd_update(stream, updated, 1);
  EXPECT_EQ(w.values()[0], 3.0F);
  EXPECT_NEAR(w.values()[1], 4.0 - 0.001 * 8.0 * 5.0, 4 * 0x1p-23);
}

}  // namespace
}  // namespace convoy::cuda
