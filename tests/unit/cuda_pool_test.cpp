// kernels/pool on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_pool.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

template <typename T>
void check(const PoolProblem& p) {
  const PoolShape shape = p.shape(padded_channels(p.x.c));
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, shape.in));
  const T* const mask = p.relu_input ? x.data() : nullptr;
  OnDevice<T> y(stream, shape.out.elements());
  OnDevice<T> dx(stream, shape.in.elements());
  if (p.max) {
    const OnDevice<T> dy(stream, packed<T>(p.dy, shape.out));
    OnDevice<PoolIndex> where(stream, shape.out.elements());
    maxpool_forward(stream, shape, p.relu, x.data(), y.data(), where.data());
    maxpool_backward(stream, shape, where.data(), dy.data(), mask, dx.data());
    OnDevice<T> again(stream, shape.out.elements());
    maxpool_forward(stream, shape, p.relu, x.data(), again.data(), nullptr);
    EXPECT_EQ(unpacked(again.values(), shape.out).v, unpacked(y.values(), shape.out).v)
        << "without the indices";
  } else {
    const OnDevice<T> dy(stream, packed<T>(p.dy_before_relu, shape.out));
    avgpool_forward(stream, shape, p.relu, x.data(), y.data());
    avgpool_backward(stream, shape, dy.data(), mask, dx.data());
  }
  p.expect(y.values(), dx.values(), shape);
}

class CudaPool : public ::testing::TestWithParam<PoolCase> {};

TEST_P(CudaPool, MatchesReference) {
  for_each_problem(GetParam(), [](const PoolProblem& problem) {
    check<float>(problem);
    check<Bf16>(problem);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaPool, ::testing::ValuesIn(kPoolCases), case_name);

TEST(CudaPoolRandom, MatchesReference) {
  RandomCases random;
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const auto kind = random.flip() ? PoolSpec::Kind::max : PoolSpec::Kind::average;
    const PoolCase shape = random.pool();
    SCOPED_TRACE(random.trace(i));
    const bool relu_input = random.flip();
    const PoolProblem problem(shape, kind, relu_input, random.flip());
    check<Bf16>(problem);
    if (i % 4 == 0) check<float>(problem);
  }
}

TEST(CudaMaxPool, ANanIsNotLost) {
  const PoolShape shape{{1, 8, 1, 3, 8}, {1, 8, 1, 1, 8}, 1, 3, 1, 0, 0};
  for (std::size_t at = 0; at < 3; ++at) {
    std::vector<float> values(24, 1.0F);
    for (std::size_t c = 0; c < 8; ++c) values[at * 8 + c] = std::nanf("");
    const Stream stream;
    const OnDevice<float> x(stream, values);
    OnDevice<float> y(stream, 8);
    maxpool_forward(stream, shape, true, x.data(), y.data(), nullptr);
    for (const float value : y.values()) EXPECT_TRUE(std::isnan(value)) << at;
  }
}

}  // namespace
}  // namespace convoy::cuda
