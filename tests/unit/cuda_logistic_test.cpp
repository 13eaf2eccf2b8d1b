// kernels/logistic on a GPU, in both element types.
#include "kernels/logistic.h"

#include <gtest/gtest.h>

#include <utility>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_elementwise.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
class CudaLogistic : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(CudaLogistic, Elements);

TYPED_TEST(CudaLogistic, MatchesReference) {
  for (const int count : kElementCounts) {
    const ElementwiseProblem problem(count, 4.0);
    const TensorShape shape = shape_of(problem.x, padded_channels(count));
    const Stream stream;
    const OnDevice<TypeParam> x(stream, packed<TypeParam>(problem.x, shape));
    OnDevice<TypeParam> y(stream, shape.elements());
    logistic_forward(stream, shape, x.data(), y.data());
    OnDevice<TypeParam> gradient(stream, packed<TypeParam>(problem.dy, shape));
    logistic_backward(stream, shape, std::as_const(y).data(), std::as_const(gradient).data(),
                      gradient.data());
    expect_logistic(problem, y.values(), gradient.values(), shape);
  }
}

}  // namespace
}  // namespace convoy::cuda
