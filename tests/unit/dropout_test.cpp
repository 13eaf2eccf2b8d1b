// kernels/dropout: masks that depend on seed, epoch, record, layer and element alone; both passes.
#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

const std::vector<std::uint64_t> kRecords{5, 1281166, (std::uint64_t{1} << 40) + 3};
const std::vector<std::uint32_t> kEpochs{0, 89, 89};

DropoutShape shape_for(const TensorShape& tensor, const DropoutSpec& spec) {
  return {tensor, static_cast<float>(spec.drop),
          static_cast<float>(spec.scale_at_test ? 1.0 : 1.0 / (1.0 - spec.drop)), 77, 1};
}

template <typename T>
void check(int channels, int height, int width, int block, const DropoutSpec& spec) {
  TestRandom random(61);
  const auto images = static_cast<int>(kRecords.size());
  const reference::Tensor before = random.tensor(images + 1, channels, height, width);
  const reference::Tensor x = reference::relu(before);
  const reference::Tensor dy = random.tensor(images + 1, channels, height, width);
  const TensorShape tensor = shape_of(x, block);
  const DropoutShape shape = shape_for(tensor, spec);
  std::vector<std::uint8_t> mask(static_cast<std::size_t>(tensor.elements()), 9);
  cpu::dropout_mask(shape, kRecords, kEpochs, mask.data());

  reference::Tensor factors(images + 1, channels, height, width);
  const std::size_t each = factors.v.size() / static_cast<std::size_t>(images + 1);
  for (std::size_t n = 0; n < kRecords.size(); ++n) {
    const reference::Values one = reference::dropout_factors(spec, each, 77, kRecords[n], kEpochs[n], 1);
    std::copy(one.begin(), one.end(), factors.v.begin() + static_cast<std::ptrdiff_t>(n * each));
  }
  reference::Tensor y = x;
  reference::Tensor dx = dy;
  reference::Tensor masked = dy;
  for (std::size_t i = 0; i < y.v.size(); ++i) {
    y.v[i] *= factors.v[i];
    dx.v[i] *= factors.v[i];
    masked.v[i] = before.v[i] > 0.0 ? dx.v[i] : 0.0;
  }
  // The scale is rounded once, the product once, the result once more to T.
  const double factor = 3 * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
  std::vector<T> data = packed<T>(x, tensor);
  cpu::dropout_forward(shape, mask.data(), data.data(), data.data());
  expect_near(unpacked(data, tensor).v, y.v, y.v, factor, "y");
  EXPECT_TRUE(filling_is_zero(data, tensor));

  const std::vector<T> diff_out = packed<T>(dy, tensor);
  std::vector<T> diff_in(diff_out.size());
  cpu::dropout_backward<T>(shape, mask.data(), diff_out.data(), nullptr, diff_in.data());
  expect_near(unpacked(diff_in, tensor).v, dx.v, reference::magnitudes(dx.v), factor, "dx");
  // `data` is y in x's place, as the compiled net has it.
  cpu::dropout_backward<T>(shape, mask.data(), diff_out.data(), data.data(), diff_in.data());
  expect_near(unpacked(diff_in, tensor).v, masked.v, reference::magnitudes(masked.v), factor,
              "dx before the ReLU");
  EXPECT_TRUE(filling_is_zero(diff_in, tensor));
}

TEST(Dropout, MatchesReferenceInEveryLayout) {
  for (const DropoutSpec& spec : {DropoutSpec{0.5, false}, DropoutSpec{0.5, true}, DropoutSpec{0.3, false}}) {
    check<float>(1024, 1, 1, 1024, spec);
    check<Bf16>(1024, 1, 1, 1024, spec);
    check<float>(37, 1, 1, 16, spec);
    for (const int block : {1, 8, 16, 20}) {
      check<float>(20, 3, 5, block, spec);
      check<Bf16>(20, 3, 5, block, spec);
    }
  }
}

TEST(Dropout, MasksDependOnEveryKey) {
  const DropoutShape shape = shape_for({1, 256, 1, 1, 1}, {});
  const auto mask_of = [](const DropoutShape& s, std::uint64_t record, std::uint32_t epoch) {
    std::vector<std::uint8_t> mask(256);
    cpu::dropout_mask(s, std::vector{record}, std::vector{epoch}, mask.data());
    return mask;
  };
  const auto base = mask_of(shape, 3, 4);
  EXPECT_EQ(base, mask_of(shape, 3, 4));
  EXPECT_NE(base, mask_of(shape, 2, 4));
  EXPECT_NE(base, mask_of(shape, 3, 5));
  DropoutShape other = shape;
  other.seed = 78;
  EXPECT_NE(base, mask_of(other, 3, 4));
  other = shape;
  other.layer = 2;
  EXPECT_NE(base, mask_of(other, 3, 4));
}

// Of n draws with probability p, the share differs from p by more than 5 standard deviations once in 1.7
// million; the draws are fixed, so that this either holds or not.
TEST(Dropout, DropsTheShareItSays) {
  for (const double drop : {0.1, 0.5, 0.8}) {
    const int n = 1 << 16;
    const DropoutShape shape = shape_for({1, n, 1, 1, 1}, {drop, false});
    std::vector<std::uint8_t> mask(n);
    cpu::dropout_mask(shape, std::vector<std::uint64_t>{0}, std::vector<std::uint32_t>{0}, mask.data());
    const double kept = std::accumulate(mask.begin(), mask.end(), 0.0) / n;
    EXPECT_NEAR(kept, 1.0 - drop, 5.0 * std::sqrt(drop * (1.0 - drop) / n));
  }
}

TEST(Dropout, ScalesAtTest) {
  std::vector<float> x{1.0F, -2.0F, 0.25F};
  cpu::scale_activations<float>(3, 0.5F, x.data(), x.data());
  EXPECT_EQ(x, (std::vector<float>{0.5F, -1.0F, 0.125F}));
}

}  // namespace
}  // namespace convoy
