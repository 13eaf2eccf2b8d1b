// kernels/lrn_pool on a GPU, one pass, against the double-precision reference and against the passes of lrn
// and pool.
#include <gtest/gtest.h>

#include "kernels/cuda/batch.h"
#include "tests/support/cases_lrn_pool.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// The results of lrn, then pool.
template <typename T>
struct TwoPasses {
  TwoPasses(const Stream& stream, const LrnPoolShape& shape, const T* x, const T* dy)
      : y(stream, shape.pool.out.elements()), dx(stream, shape.pool.in.elements()) {
    OnDevice<T> normalized(stream, shape.pool.in.elements());
    OnDevice<PoolIndex> where(stream, shape.pool.out.elements());
    lrn_forward(stream, shape.lrn, x, normalized.data());
    maxpool_forward(stream, shape.pool, shape.relu_output, std::as_const(normalized).data(), y.data(),
                    where.data());
    maxpool_backward(stream, shape.pool, where.data(), dy, static_cast<const T*>(nullptr), dx.data());
    normalized_gradient = unpacked(dx.values(), shape.pool.in);
    lrn_backward(stream, shape.lrn, x, std::as_const(dx).data(), dx.data(), shape.relu_input);
  }
  OnDevice<T> y;
  OnDevice<T> dx;
  reference::Tensor normalized_gradient;
};

// In fp32 one pass gives the same bits as two. In bf16 two passes also round the gradient between them, which
// adds half a unit of the largest part. Magnitudes are those of the terms of dx.
template <typename T>
void check(const LrnPoolProblem& p, const LrnSpec& lrn) {
  const LrnPoolShape shape = p.shape(padded_channels(p.x.c));
  ASSERT_TRUE(lrn_pool_fits(shape, kElementOf<T>, kLeastSharedBytes));
  const PoolShape& pool = shape.pool;
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, pool.in));
  const OnDevice<T> dy(stream, packed<T>(p.dy, pool.out));
  OnDevice<T> y(stream, pool.out.elements());
  OnDevice<LrnPoolIndex> where(stream, pool.out.elements());
  OnDevice<T> dx(stream, pool.in.elements());
  lrn_pool_forward(stream, shape, x.data(), y.data(), where.data());
  lrn_pool_backward(stream, shape, x.data(), where.data(), dy.data(), dx.data());
  p.expect(y.values(), where.values(), dx.values(), pool, lrn_error<T>(lrn));
  OnDevice<T> again(stream, pool.out.elements());
  lrn_pool_forward(stream, shape, x.data(), again.data(), nullptr);
  EXPECT_EQ(unpacked(again.values(), pool.out).v, unpacked(y.values(), pool.out).v) << "without places";

  const TwoPasses<T> two(stream, shape, x.data(), dy.data());
  EXPECT_EQ(unpacked(y.values(), pool.out).v, unpacked(two.y.values(), pool.out).v);
  expect_near(unpacked(dx.values(), pool.in).v, unpacked(two.dx.values(), pool.in).v,
              lrn_gradient_magnitude(lrn, p.x, two.normalized_gradient),
              sizeof(T) == 4 ? 0x1p-23 : 4 * kRounding<T>, "dx of two passes");
}

class CudaLrnPool : public ::testing::TestWithParam<LrnPoolCase> {};

TEST_P(CudaLrnPool, IsLrnThenPool) {
  for_each_problem(GetParam(), [](const LrnPoolProblem& problem) {
    check<float>(problem, GetParam().lrn);
    check<Bf16>(problem, GetParam().lrn);
  });
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaLrnPool, ::testing::ValuesIn(kLrnPoolCases), case_name);
// Three tiles across and four down.
INSTANTIATE_TEST_SUITE_P(Tiles, CudaLrnPool,
                         ::testing::Values(LrnPoolCase{"several_tiles",
                                                       1,
                                                       256,
                                                       27,
                                                       61,
                                                       {5, 2.0, 0.1, 0.75, true},
                                                       {PoolSpec::Kind::max, 3, 3, 2, {}, false},
                                                       13,
                                                       30}),
                         case_name);

TEST(CudaLrnPoolRandom, IsLrnThenPool) {
  RandomCases random;
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const LrnPoolCase shape = random.lrn_pool();
    SCOPED_TRACE(random.trace(i));
    const bool relu_input = random.flip();
    const LrnPoolProblem problem(shape, relu_input, random.flip());
    if (!lrn_pool_fits(problem.shape(padded_channels(shape.channels)), Element::f32, kLeastSharedBytes))
      continue;
    check<Bf16>(problem, shape.lrn);
    if (i % 4 == 0) check<float>(problem, shape.lrn);
  }
}

// Windows in the last row and column begin behind the input and see nothing. There are so many channels that
// such windows have tiles of their own.
TEST(CudaLrnPoolWindows, ThatSeeNothingGiveZero) {
  const LrnPoolCase shape = {"sees_nothing",
                             1,
                             6560,
                             5,
                             5,
                             {5, 2.0, 0.1, 0.75, false},
                             {PoolSpec::Kind::max, 1, 1, 3, {}, false},
                             3,
                             3};
  const LrnPoolProblem problem(shape, false, false);
  check<Bf16>(problem, shape.lrn);
}

// Windows of kernel x kernel elements with a stride of 2, over an image of side x side pixels.
LrnPoolShape shape_for(int channels, int side, int kernel) {
  LrnPoolShape shape;
  shape.lrn.tensor = {1, channels, side, side, channels};
  const int out = (side - kernel) / 2 + 1;
  shape.pool = {shape.lrn.tensor, {1, channels, out, out, channels}, kernel, kernel, 2, 0, 0};
  return shape;
}

TEST(CudaLrnPoolFits, WhatASharedMemoryHolds) {
  EXPECT_FALSE(lrn_pool_fits(shape_for(20000, 9, 3), Element::bf16, kLeastSharedBytes));
  EXPECT_FALSE(lrn_pool_fits(shape_for(20000, 9, 3), Element::bf16, 227 * 1024));
  const LrnPoolShape shape = shape_for(5000, 9, 3);
  EXPECT_TRUE(lrn_pool_fits(shape, Element::bf16, 9 * 5000 * 2)) << "the rows and columns of a window";
  EXPECT_FALSE(lrn_pool_fits(shape, Element::bf16, 9 * 5000 * 2 - 1));
  EXPECT_FALSE(lrn_pool_fits(shape_for(8, 40, 16), Element::bf16, kLeastSharedBytes))
      << "an index of the window does not fit one byte";
}

}  // namespace
}  // namespace convoy::cuda
