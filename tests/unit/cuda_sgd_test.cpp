// kernels/sgd on a GPU against the rule of the paper in double precision.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/cases_sgd.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// The values, padded to the next multiple of four.
std::vector<float> with_room(const reference::Values& values) {
  std::vector<float> result = floats(values);
  result.resize((result.size() + 3) / 4 * 4);
  return result;
}
std::vector<float> first(std::vector<float> values, std::size_t count) {
  values.resize(count);
  return values;
}

// The operands of a problem in device memory.
struct Operands {
  Operands(const Stream& stream, const SgdProblem& problem)
      : size(problem.w.size()),
        w(stream, with_room(problem.w)),
        v(stream, with_room(problem.v)),
        g(stream, with_room(problem.g)),
        coefficients(stream, std::vector<SgdCoefficients>{problem.coefficients}) {}
  [[nodiscard]] SgdTensor tensor(Bf16* copy) {
    return {static_cast<std::int64_t>(size), w.data(), v.data(), g.data(), copy, coefficients.data()};
  }
  std::size_t size;
  OnDevice<float> w;
  OnDevice<float> v;
  OnDevice<float> g;
  OnDevice<SgdCoefficients> coefficients;
};

class CudaSgd : public ::testing::TestWithParam<SgdCase> {};

TEST_P(CudaSgd, FollowsThePaper) {
  const SgdProblem problem(GetParam());
  const Stream stream;
  Operands operands(stream, problem);
  SgdTensors tensors{};
  tensors.tensor[0] = operands.tensor(nullptr);
  for (int step = 1; step <= 3; ++step) {
    sgd_update(stream, tensors, 1);
    const std::vector<float> w = first(operands.w.values(), operands.size);
    const std::vector<float> v = first(operands.v.values(), operands.size);
    problem.expect_after(step, w, v);
    if (step == 1) problem.expect_after_one(w, v);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, CudaSgd, ::testing::ValuesIn(kSgdCases), case_name);

TEST(CudaSgdDecay, IsInTheMomentum) {
  const Stream stream;
  OnDevice<float> w(stream, std::vector<float>(4, 1.0F));
  OnDevice<float> v(stream, std::vector<float>(4, 0.0F));
  const OnDevice<float> g(stream, std::vector<float>(4, 0.0F));
  const OnDevice<SgdCoefficients> coefficients(stream, std::vector<SgdCoefficients>{kDecayAlone});
  SgdTensors tensors{};
  tensors.tensor[0] = {4, w.data(), v.data(), g.data(), nullptr, coefficients.data()};
  for (int step = 0; step < 2; ++step) {
    sgd_update(stream, tensors, 1);
    EXPECT_EQ(v.values()[0], kDecayedV[step]);
    EXPECT_EQ(w.values()[0], kDecayedW[step]);
  }
}

TEST(CudaSgdTensors, AreUpdatedTogetherWithTheirCopies) {
  static_assert(std::size(kSgdCases) > kMaxSgdTensors);
  const Stream stream;
  std::vector<SgdProblem> problems;
  std::vector<Operands> operands;
  std::vector<OnDevice<Bf16>> copies;
  SgdTensors tensors{};
  for (int i = 0; i < kMaxSgdTensors; ++i) {
    const auto at = static_cast<std::size_t>(i);
    problems.emplace_back(kSgdCases[at + 1]);
    operands.emplace_back(stream, problems.back());
    copies.emplace_back(stream, static_cast<std::int64_t>(with_room(problems.back().w).size()));
  }
  for (int i = 0; i < kMaxSgdTensors; ++i) {
    const auto at = static_cast<std::size_t>(i);
    tensors.tensor[at] = operands[at].tensor(i % 2 == 0 ? copies[at].data() : nullptr);
  }
  sgd_update(stream, tensors, kMaxSgdTensors);
  for (std::size_t i = 0; i < kMaxSgdTensors; ++i) {
    const std::vector<float> w = first(operands[i].w.values(), operands[i].size);
    problems[i].expect_after_one(w, first(operands[i].v.values(), operands[i].size));
    if (i % 2 != 0) continue;
    const std::vector<Bf16> copy = copies[i].values();
    for (std::size_t j = 0; j < w.size(); ++j) ASSERT_EQ(copy[j].bits, from_float<Bf16>(w[j]).bits);
  }
}

}  // namespace
}  // namespace convoy::cuda
