// Cases of dropout for the tests of every backend.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>

#include "kernels/dropout.h"
#include "tests/support/cases.h"
#include "tests/support/tensors.h"

namespace convoy {

struct DropoutCase {
  const char* name;
  int capacity;  // images of the buffers
  int images;    // of the batch
  int channels, height, width;
};
inline constexpr DropoutCase kDropoutCases[] = {
    {"fc", 3, 3, 40, 1, 1},          {"fc_of_1024_partial", 4, 3, 1024, 1, 1},
    {"fc_odd", 4, 3, 37, 1, 1},      {"fc_odd_partial", 4, 2, 37, 1, 1},
    {"maps", 2, 2, 13, 3, 5},        {"maps_partial", 4, 3, 20, 3, 5},
    {"many_images", 7, 6, 20, 1, 1},
};
inline const DropoutSpec kDropoutSpecs[] = {
    {0.5, false}, {0.5, true}, {0.3, false}, {0.3, true}, {0.4, false}};
// Of the images, in order.
inline const std::vector<std::uint64_t> kDropoutRecords{
    5, 1281166, (std::uint64_t{1} << 40) + 3, std::uint64_t{1} << 33, 0, 9};
inline const std::vector<std::uint32_t> kDropoutEpochs{0, 89, 89, 4, 89, 1};

[[nodiscard]] inline DropoutShape dropout_shape_of(const TensorShape& tensor, const DropoutSpec& spec) {
  return {tensor, static_cast<float>(spec.drop),
          static_cast<float>(spec.scale_at_test ? 1.0 : 1.0 / (1.0 - spec.drop)), 77, 1};
}

// Random operands of a case, and the expected results. x is the output of a ReLU.
class DropoutProblem {
 public:
  DropoutProblem(const DropoutCase& k, const DropoutSpec& spec)
      : records(kDropoutRecords.begin(), kDropoutRecords.begin() + k.images),
        epochs(kDropoutEpochs.begin(), kDropoutEpochs.begin() + k.images),
        spec_(spec) {
    TestRandom random(61);
    const reference::Tensor before = random.tensor(k.capacity, k.channels, k.height, k.width);
    x = reference::relu(before);
    dy = random.tensor(k.capacity, k.channels, k.height, k.width);
    reference::Tensor factors(k.capacity, k.channels, k.height, k.width);  // zero for images that are missing
    const std::size_t each = factors.v.size() / static_cast<std::size_t>(k.capacity);
    const DropoutShape shape = this->shape(1);
    for (std::size_t n = 0; n < records.size(); ++n) {
      const reference::Values one =
          reference::dropout_factors(spec, each, shape.seed, records[n], epochs[n], shape.layer);
      std::copy(one.begin(), one.end(), factors.v.begin() + static_cast<std::ptrdiff_t>(n * each));
    }
    y_ = x;
    dx_ = dy;
    for (std::size_t i = 0; i < y_.v.size(); ++i) {
      y_.v[i] *= factors.v[i];
      dx_.v[i] *= factors.v[i];
    }
    relu_dx_ = reference::relu_backward(before, dx_);
  }
  [[nodiscard]] DropoutShape shape(int block) const { return dropout_shape_of(shape_of(x, block), spec_); }

  template <typename T>
  void expect_y(const std::vector<T>& y, const TensorShape& shape) const {
    expect(y, y_, shape, "y");
  }
  template <typename T>
  void expect_dx(const std::vector<T>& dx, const TensorShape& shape) const {
    expect(dx, dx_, shape, "dx");
  }
  // The gradient before the ReLU.
  template <typename T>
  void expect_relu_dx(const std::vector<T>& dx, const TensorShape& shape) const {
    expect(dx, relu_dx_, shape, "dx before the ReLU");
  }

  reference::Tensor x;
  reference::Tensor dy;
  std::vector<std::uint64_t> records;
  std::vector<std::uint32_t> epochs;

 private:
  // The scale is rounded once, the product once, the result once more to T.
  template <typename T>
  static void expect(const std::vector<T>& got, const reference::Tensor& want, const TensorShape& shape,
                     const char* what) {
    const double factor = 3 * 0x1p-24 + (sizeof(T) == 4 ? 0.0 : kRounding<T>);
    expect_near(unpacked(got, shape).v, want.v, reference::magnitudes(want.v), factor, what);
    EXPECT_TRUE(padding_is_zero(got, shape));
  }
  DropoutSpec spec_;
  reference::Tensor y_;
  reference::Tensor dx_;
  reference::Tensor relu_dx_;
};

// mask_of(shape, record, epoch): the mask of one image, one number for each element, nonzero if it is kept.
template <typename MaskOf>
void expect_masks_depend_on_every_key(MaskOf&& mask_of) {
  const DropoutShape shape = dropout_shape_of({1, 256, 1, 1, 256}, {});
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
// The share of n draws with probability p differs from p by more than 5 standard deviations once in 1.7
// million times. The draws are fixed, so the outcome is too.
template <typename MaskOf>
void expect_drops_the_share_it_says(MaskOf&& mask_of) {
  for (const double drop : {0.1, 0.5, 0.8}) {
    const int n = 1 << 16;
    const auto mask = mask_of(dropout_shape_of({1, n, 1, 1, n}, {drop, false}), 0, 0);
    const auto kept = std::count_if(mask.begin(), mask.end(), [](auto value) { return value != 0; });
    EXPECT_NEAR(static_cast<double>(kept) / n, 1.0 - drop, 5.0 * std::sqrt(drop * (1.0 - drop) / n));
  }
}

}  // namespace convoy
