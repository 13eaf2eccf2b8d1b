// kernels/pool on a CPU against the double-precision reference, in every layout and both element types.
#include "kernels/pool.h"

#include <gtest/gtest.h>

#include "tests/support/cases_pool.h"

namespace convoy {
namespace {

template <typename T>
void check(const PoolProblem& p, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const PoolShape shape = p.shape(block);
  const std::vector<T> x = packed<T>(p.x, shape.in);
  const std::vector<T> dy = packed<T>(p.dy_before_relu, shape.out);
  const T* const mask = p.relu_input ? x.data() : nullptr;
  std::vector<T> y(dy.size());
  std::vector<T> dx(x.size());
  if (p.max) {
    std::vector<PoolIndex> where(y.size());
    cpu::maxpool_forward(shape, p.relu, x.data(), y.data(), where.data());
    cpu::maxpool_backward(shape, where.data(), dy.data(), mask, dx.data());
    std::vector<T> again(y.size());
    cpu::maxpool_forward(shape, p.relu, x.data(), again.data(), nullptr);
    EXPECT_EQ(unpacked(again, shape.out).v, unpacked(y, shape.out).v) << "without the indices";
  } else {
    cpu::avgpool_forward(shape, p.relu, x.data(), y.data());
    cpu::avgpool_backward(shape, dy.data(), mask, dx.data());
  }
  p.expect(y, dx, shape);
}

class Pool : public ::testing::TestWithParam<PoolCase> {};

TEST_P(Pool, MatchesReferenceInEveryLayout) {
  for_each_problem(GetParam(), [](const PoolProblem& problem) {
    for (const int block : {1, 8, 16, GetParam().channels}) {
      check<float>(problem, block);
      check<Bf16>(problem, block);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, Pool, ::testing::ValuesIn(kPoolCases), case_name);

TEST(MaxPool, ANanIsNotLost) {
  const PoolShape shape{{1, 1, 1, 3, 1}, {1, 1, 1, 1, 1}, 1, 3, 1, 0, 0};
  for (int at = 0; at < 3; ++at) {
    std::vector<float> x{1.0F, 2.0F, 3.0F};
    x[static_cast<std::size_t>(at)] = std::nanf("");
    float y = 0.0F;
    cpu::maxpool_forward(shape, true, x.data(), &y, nullptr);
    EXPECT_TRUE(std::isnan(y)) << at;
  }
}

// The average is linear. The maximum is linear as long as the step does not change which element is the
// largest: the values below are distinct integers.
TEST(PoolReference, MatchesFiniteDifferences) {
  TestRandom random(42);
  for (const auto kind : {PoolSpec::Kind::max, PoolSpec::Kind::average}) {
    const PoolCase k{"", 2, 2, 5, 4, 3, 3, 2, {1, 0, 1, 1}, 3, 2};
    const PoolSpec spec = spec_of(k, kind);
    reference::Tensor x(k.images, k.channels, k.height, k.width);
    for (std::size_t i = 0; i < x.v.size(); ++i) x.v[i] = static_cast<double>(i * 37 % x.v.size());
    const reference::Tensor dy = random.tensor(k.images, k.channels, k.out_height, k.out_width);
    const auto loss = [&] {
      return reference::dot(reference::pool(spec, x, k.out_height, k.out_width).v, dy.v);
    };
    EXPECT_LT(reference::gradient_error(loss, x.v, reference::pool_backward(spec, x, dy).v, 0.25), 1e-12);
  }
}

}  // namespace
}  // namespace convoy
