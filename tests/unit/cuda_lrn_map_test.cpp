// kernels/lrn_map on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_lrn_map.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
void check(const LrnMapProblem& p) {
  const LrnMapShape shape = p.shape(padded_channels(p.x.c));
  const TensorShape& tensor = shape.tensor;
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, tensor));
  OnDevice<T> y(stream, tensor.elements());
  lrn_map_forward(stream, shape, x.data(), y.data());
  const OnDevice<T> dy(stream, packed<T>(p.dy, tensor));
  OnDevice<T> dx(stream, tensor.elements());
  OnDevice<float> scratch(stream, lrn_map_scratch(shape));
  lrn_map_backward(stream, shape, x.data(), dy.data(), dx.data(), p.relu_input, scratch.data());
  p.expect(y.values(), dx.values(), tensor, lrn_map_error<T>(p.k));
}

class CudaLrnMap : public ::testing::TestWithParam<LrnMapCase> {};

TEST_P(CudaLrnMap, MatchesReference) {
  for (const bool relu_input : {false, true}) {
    SCOPED_TRACE(relu_text(relu_input, false));
    const LrnMapProblem problem(GetParam(), relu_input);
    check<float>(problem);
    check<Bf16>(problem);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaLrnMap, ::testing::ValuesIn(kLrnMapCases), case_name);

TEST(CudaLrnMapRandom, MatchesReference) {
  RandomCases random;
  for (int i = 0; i < 30 && !HasFailure(); ++i) {
    const LrnMapProblem problem(random.lrn_map(), random.flip());
    SCOPED_TRACE(random.trace(i));
    check<Bf16>(problem);
    if (i % 4 == 0) check<float>(problem);
  }
}

}  // namespace
}  // namespace convoy::cuda
