// kernels/lrn_pool on a CPU, one pass, against the double-precision reference of the two operations.
#include "kernels/lrn_pool.h"

#include <gtest/gtest.h>
#include <omp.h>

#include "lib/base/lanes.h"
#include "lib/base/thread_count.h"
#include "tests/support/cases_lrn_pool.h"

namespace convoy {
namespace {

template <typename T>
void check(const LrnPoolProblem& p, const LrnSpec& lrn, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const LrnPoolShape shape = p.shape(block);
  const std::vector<T> x = packed<T>(p.x, shape.pool.in);
  const std::vector<T> dy = packed<T>(p.dy, shape.pool.out);
  std::vector<T> scratch(static_cast<std::size_t>(cpu::lrn_pool_scratch(shape)) *
                         static_cast<std::size_t>(omp_get_max_threads()));
  std::vector<T> y(dy.size());
  std::vector<LrnPoolIndex> where(y.size());
  cpu::lrn_pool_forward<T>(shape, x.data(), y.data(), where.data(), scratch);
  std::vector<T> again(y.size());
  cpu::lrn_pool_forward<T>(shape, x.data(), again.data(), nullptr, scratch);
  EXPECT_EQ(unpacked(again, shape.pool.out).v, unpacked(y, shape.pool.out).v) << "without places";
  std::vector<T> dx(x.size());
  cpu::lrn_pool_backward(shape, x.data(), where.data(), dy.data(), dx.data());
  p.expect(y, where, dx, shape.pool, cpu::lrn_error<T>(lrn));
}

class LrnPool : public ::testing::TestWithParam<LrnPoolCase> {};

TEST_P(LrnPool, MatchesReference) {
  const int blocked = (GetParam().channels + kLanes - 1) / kLanes * kLanes;
  for_each_problem(GetParam(), [&](const LrnPoolProblem& problem) {
    for (const int threads : {1, 3}) {
      const ThreadCount thread_count(threads);
      for (const int block : {kLanes, blocked}) {
        if (!cpu::lrn_pool_serves(problem.shape(block))) {
          const LrnSpec& lrn = GetParam().lrn;
          const bool parts_of_runs = lrn.groups > 1 && GetParam().channels / lrn.groups % kLanes != 0;
          EXPECT_TRUE(lrn.size % 2 == 0 || parts_of_runs) << "a shape that the CPU must serve";
          continue;
        }
        check<float>(problem, GetParam().lrn, block);
        check<Bf16>(problem, GetParam().lrn, block);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, LrnPool, ::testing::ValuesIn(kLrnPoolCases), case_name);

TEST(LrnPoolServes, WholeRunsOfChannelsAndSmallWindows) {
  LrnPoolCase k{"", 1, 32, 20, 20, {5, 2.0, 0.1, 0.75, false}, {PoolSpec::Kind::max, 3, 3, 2, {}, false},
                9,  9};
  const auto serves = [&](int block) {
    return cpu::lrn_pool_serves(LrnPoolProblem(k, false, false).shape(block));
  };
  EXPECT_TRUE(serves(kLanes));
  EXPECT_FALSE(serves(kLanes / 2)) << "half runs";
  k.lrn.size = 4;
  EXPECT_FALSE(serves(kLanes)) << "another window over channels";
  k.lrn.size = 5;
  k.lrn.groups = k.channels / kLanes;
  EXPECT_TRUE(serves(kLanes)) << "groups of a run";
  k.lrn.groups *= 2;
  EXPECT_FALSE(serves(kLanes)) << "groups of half a run";
  k.lrn.groups = 1;
  k.pool.kernel_height = k.pool.kernel_width = 16;
  EXPECT_FALSE(serves(kLanes)) << "an index of the window does not fit one byte";
}

}  // namespace
}  // namespace convoy
