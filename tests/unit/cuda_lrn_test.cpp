// kernels/lrn on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_lrn.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
void check(const LrnProblem& p) {
  const LrnShape shape = p.shape(padded_channels(p.x.c));
  const TensorShape& tensor = shape.tensor;
  ASSERT_TRUE(lrn_fits(shape, kLeastSharedBytes));
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, tensor));
  OnDevice<T> y(stream, tensor.elements());
  lrn_forward(stream, shape, x.data(), y.data());
  OnDevice<T> gradient(stream, packed<T>(p.dy, tensor));
  lrn_backward(stream, shape, x.data(), gradient.data(), gradient.data(), p.relu_input);
  p.expect(y.values(), gradient.values(), tensor, lrn_error<T>(p.spec));
}

class CudaLrn : public ::testing::TestWithParam<LrnCase> {};

TEST_P(CudaLrn, MatchesReference) {
  for (const bool relu_input : {false, true}) {
    SCOPED_TRACE(relu_text(relu_input, false));
    const LrnProblem problem(GetParam(), relu_input);
    check<float>(problem);
    check<Bf16>(problem);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaLrn, ::testing::ValuesIn(kLrnCases), case_name);

TEST(CudaLrnRandom, MatchesReference) {
  RandomCases random;
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const LrnProblem problem(random.lrn(), random.flip());
    SCOPED_TRACE(random.trace(i));
    check<Bf16>(problem);
    if (i % 4 == 0) check<float>(problem);
  }
}

TEST(CudaLrnFits, OneFloatAChannel) {
  LrnShape shape;
  shape.tensor = {1, 5000, 9, 9, 5000};
  EXPECT_TRUE(lrn_fits(shape, 5000 * 4));
  EXPECT_FALSE(lrn_fits(shape, 5000 * 4 - 1));
}

}  // namespace
}  // namespace convoy::cuda
