// kernels/relu on a GPU, in both element types.
#include "kernels/relu.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_elementwise.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
class CudaRelu : public ::testing::Test {};
using Elements = ::testing::Types<float, Bf16>;
TYPED_TEST_SUITE(CudaRelu, Elements);

TYPED_TEST(CudaRelu, IsExact) {
  for (const int count : kElementCounts) {
    const ElementwiseProblem problem(count, 1.0);
    const TensorShape shape = shape_of(problem.x, padded_channels(count));
    const Stream stream;
    const OnDevice<TypeParam> x(stream, packed<TypeParam>(problem.x, shape));
    OnDevice<TypeParam> y(stream, shape.elements());
    relu_forward(stream, shape.elements(), x.data(), y.data());
    OnDevice<TypeParam> gradient(stream, packed<TypeParam>(problem.dy, shape));
    relu_backward(stream, shape.elements(), std::as_const(y).data(), std::as_const(gradient).data(),
                  gradient.data());
    expect_relu(problem, y.values(), gradient.values(), shape);
  }
}

TEST(CudaReluKernel, ANanIsNotLost) {
  const Stream stream;
  OnDevice<float> x(stream, std::vector<float>(8, std::nanf("")));
  relu_forward(stream, 8, std::as_const(x).data(), x.data());
  for (const float value : x.values()) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace convoy::cuda
