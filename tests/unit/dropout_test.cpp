// kernels/dropout on a CPU: both passes in every layout, and what the masks depend on.
#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include "tests/support/cases_dropout.h"

namespace convoy {
namespace {

template <typename T>
void check(const DropoutProblem& p, int block) {
  SCOPED_TRACE("block " + std::to_string(block));
  const DropoutShape shape = p.shape(block);
  const TensorShape& tensor = shape.tensor;
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(tensor.elements()), 9);
  cpu::dropout_mask(shape, p.records, p.epochs, mask.data());
  std::vector<T> data = packed<T>(p.x, tensor);
  cpu::dropout_forward(shape, mask.data(), data.data(), data.data());
  p.expect_y(data, tensor);

  const std::vector<T> dy = packed<T>(p.dy, tensor);
  std::vector<T> dx(dy.size());
  cpu::dropout_backward<T>(shape, mask.data(), dy.data(), nullptr, dx.data());
  p.expect_dx(dx, tensor);
  // `data` now holds y in place of x, as in a compiled net.
  cpu::dropout_backward<T>(shape, mask.data(), dy.data(), data.data(), dx.data());
  p.expect_relu_dx(dx, tensor);
}

class Dropout : public ::testing::TestWithParam<DropoutCase> {};

TEST_P(Dropout, MatchesReferenceInEveryLayout) {
  for (const DropoutSpec& spec : kDropoutSpecs) {
    const DropoutProblem problem(GetParam(), spec);
    for (const int block : {1, 8, 16, GetParam().channels}) {
      check<float>(problem, block);
      check<Bf16>(problem, block);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Dropout, ::testing::ValuesIn(kDropoutCases), case_name);

std::vector<std::uint8_t> mask_of(const DropoutShape& shape, std::uint64_t record, std::uint32_t epoch) {
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(shape.tensor.elements()));
  cpu::dropout_mask(shape, std::vector{record}, std::vector{epoch}, mask.data());
  return mask;
}
TEST(DropoutMasks, DependOnEveryKey) { expect_masks_depend_on_every_key(mask_of); }
TEST(DropoutMasks, DropTheShareThatIsAskedFor) { expect_drops_the_share_it_says(mask_of); }

TEST(ScaleActivations, Multiplies) {
  std::vector<float> x{1.0F, -2.0F, 0.25F};
  cpu::scale_activations<float>(3, 0.5F, x.data(), x.data());
  EXPECT_EQ(x, (std::vector<float>{0.5F, -1.0F, 0.125F}));
}

}  // namespace
}  // namespace convoy
