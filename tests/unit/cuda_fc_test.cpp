// kernels/fc on a GPU: the products of kernels/cuda/gemm.h and the sums of kernels/column_sums.h that make a
// fully-connected layer, against the double-precision reference.
#include <gtest/gtest.h>

#include "kernels/column_sums.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/gemm.h"
#include "tests/support/cases_fc.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// Weights are laid out like images of x, one for each output and each padding channel of y.
template <typename T>
void check(const FcProblem& p, bool relu) {
  const TensorShape in = shape_of(p.x, padded_channels(p.x.c));
  const TensorShape out = shape_of(p.dy, padded_channels(p.outputs));
  const TensorShape filters = {out.block, in.channels, in.height, in.width, in.block};
  const std::int64_t inputs = in.image_elements();
  const GemmEpilogue epilogue = relu ? GemmEpilogue::bias_relu : GemmEpilogue::bias;
  constexpr Element kType = kElementOf<T>;
  const Stream stream;
  const GemmContext context;
  const Gemm forward(context, {.rows = in.images,
                               .columns = out.block,
                               .depth = inputs,
                               .b_transposed = true,
                               .in = kType,
                               .out = kType,
                               .epilogue = epilogue});
  const Gemm input_gradient(
      context, {.rows = in.images, .columns = inputs, .depth = out.block, .in = kType, .out = kType});
  const Gemm weight_gradient(context, {.rows = out.block,
                                       .columns = inputs,
                                       .depth = in.images,
                                       .a_transposed = true,
                                       .in = kType,
                                       .out = Element::f32});
  const OnDevice<T> x(stream, packed<T>(p.x, in));
  const OnDevice<T> w(stream, packed<T>(p.weights, filters));
  reference::Tensor bias_of_one(1, p.outputs, 1, 1);
  bias_of_one.v = p.bias;
  const OnDevice<T> bias(stream, packed<T>(bias_of_one, {1, p.outputs, 1, 1, out.block}));
  const OnDevice<T> dy(stream, packed<T>(p.dy, out));
  OnDevice<T> y(stream, out.elements());
  OnDevice<T> dx(stream, in.elements());
  OnDevice<float> dw(stream, filters.elements());
  OnDevice<float> db(stream, out.block);
  forward.run(stream, x.data(), w.data(), bias.data(), y.data());
  input_gradient.run(stream, dy.data(), w.data(), nullptr, dx.data());
  weight_gradient.run(stream, dy.data(), x.data(), nullptr, dw.data());
  column_sums(stream, out.images, out.block, dy.data(), db.data());
  EXPECT_TRUE(padding_is_zero(y.values(), out));
  EXPECT_TRUE(padding_is_zero(dx.values(), in));
  ProductRun run{unpacked(y.values(), out),
                 {unpacked(dx.values(), in), unpacked(dw.values(), filters).v, {}}};
  run.gradients.weights.resize(p.weights.v.size());
  const std::vector<float> sums = db.values();
  run.gradients.bias.assign(sums.begin(), sums.begin() + p.outputs);
  p.expect(run, relu, sizeof(T) == 4 ? 0.0 : kRounding<T>);
}

class CudaFc : public ::testing::TestWithParam<FcCase> {};

TEST_P(CudaFc, MatchesReference) {
  const FcProblem problem(GetParam());
  for (const bool relu : {false, true}) {
    SCOPED_TRACE(relu_text(false, relu));
    check<float>(problem, relu);
    check<Bf16>(problem, relu);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudaFc, ::testing::ValuesIn(kFcCases), case_name);

}  // namespace
}  // namespace convoy::cuda
