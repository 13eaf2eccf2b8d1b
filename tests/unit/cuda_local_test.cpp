// kernels/local on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/batch.h"
#include "kernels/local.h"
#include "tests/support/cases_local.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// The problem in the layouts of a GPU.
struct Problem : LocalProblem {
  using LocalProblem::LocalProblem;
  [[nodiscard]] TensorShape in() const { return shape_of(x, padded_channels(x.c)); }
  [[nodiscard]] TensorShape out() const { return shape_of(dy, padded_channels(dy.c)); }
  [[nodiscard]] std::vector<float> packed_weights() const {
    std::vector<float> result(static_cast<std::size_t>(local_weight_elements(shape)));
    pack_local_weights(shape, floats(weights), result);
    return result;
  }
  [[nodiscard]] std::vector<float> packed_bias() const {
    std::vector<float> result(static_cast<std::size_t>(local_bias_elements(shape)));
    pack_local_bias(shape, floats(bias), result);
    return result;
  }
};

template <typename T>
void check_forward(const Problem& p, bool relu) {
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, p.in()));
  const OnDevice<T> w(stream, rounded_to<T>(p.packed_weights()));
  const OnDevice<float> bias(stream, p.packed_bias());
  OnDevice<T> y(stream, p.out().elements());
  local_forward(stream, p.shape, x.data(), w.data(), bias.data(), y.data(), relu);
  const std::vector<T> got = y.values();
  EXPECT_TRUE(padding_is_zero(got, p.out()));
  p.expect_y<T>(unpacked(got, p.out()).v, relu);
}

template <typename T>
void check_input_gradient(const Problem& p, bool relu) {
  const Stream stream;
  const reference::Tensor relu_output = reference::relu(p.x);
  const OnDevice<T> dy(stream, packed<T>(p.dy, p.out()));
  const OnDevice<T> w(stream, rounded_to<T>(p.packed_weights()));
  const OnDevice<T> mask(stream, packed<T>(relu_output, p.in()));
  OnDevice<T> dx(stream, p.in().elements());
  local_input_gradient(stream, p.shape, dy.data(), w.data(), relu ? mask.data() : nullptr, dx.data());
  const std::vector<T> got = dx.values();
  EXPECT_TRUE(padding_is_zero(got, p.in()));
  p.expect_input_gradient<T>(unpacked(got, p.in()).v, relu ? &relu_output : nullptr);
}

template <typename T>
void check_weight_gradient(const Problem& p) {
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, p.in()));
  const OnDevice<T> dy(stream, packed<T>(p.dy, p.out()));
  OnDevice<float> dw(stream, local_weight_elements(p.shape));
  OnDevice<float> db(stream, local_bias_elements(p.shape));
  local_weight_gradient(stream, p.shape, x.data(), dy.data(), dw.data(), db.data());
  const std::vector<float> packed_gradient = dw.values();
  std::vector<float> got(p.weights.size());
  unpack_local_weights(p.shape, packed_gradient, got);
  std::vector<float> again(packed_gradient.size());
  pack_local_weights(p.shape, got, again);
  EXPECT_EQ(again, packed_gradient) << "the gradient of padding is not zero";
  std::vector<float> bias(p.bias.size());
  unpack_local_bias(p.shape, db.values(), bias);
  p.expect_parameter_gradients({got.begin(), got.end()}, {bias.begin(), bias.end()});
}

class CudaLocal : public testing::TestWithParam<ConvCase> {};

TEST_P(CudaLocal, ForwardInBf16) { check_forward<Bf16>(Problem(GetParam().shape), true); }
TEST_P(CudaLocal, ForwardInFloat) { check_forward<float>(Problem(GetParam().shape), false); }
TEST_P(CudaLocal, InputGradientInBf16) { check_input_gradient<Bf16>(Problem(GetParam().shape), true); }
TEST_P(CudaLocal, InputGradientInFloat) { check_input_gradient<float>(Problem(GetParam().shape), false); }
TEST_P(CudaLocal, WeightGradientInBf16) { check_weight_gradient<Bf16>(Problem(GetParam().shape)); }
TEST_P(CudaLocal, WeightGradientInFloat) { check_weight_gradient<float>(Problem(GetParam().shape)); }

// Those with few products, as the emulated device takes long for each of them.
std::vector<ConvCase> cases_with_few_products() {
  constexpr std::int64_t kMost = 90;
  std::vector<ConvCase> cases = local_cases();
  std::erase_if(cases, [](const ConvCase& one) {
    return std::int64_t{one.shape.height} * one.shape.width * one.shape.groups > kMost;
  });
  return cases;
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaLocal, testing::ValuesIn(cases_with_few_products()), case_name);

TEST(CudaLocalRandom, AllPasses) {
  RandomCases random;
  for (int i = 0; i < 6 && !HasFailure(); ++i) {
    const Problem p(random.conv(random.flip()));
    SCOPED_TRACE(random.trace(i));
    check_forward<Bf16>(p, random.flip());
    check_input_gradient<Bf16>(p, random.flip());
    check_weight_gradient<Bf16>(p);
  }
}

}  // namespace
}  // namespace convoy::cuda
