// kernels/conv on a GPU against the double-precision reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "kernels/conv.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "tests/support/cases_conv.h"
#include "tests/support/cases_random.h"
#include "tests/support/device_memory.h"

namespace convoy::cuda {
namespace {

// The problem in the layouts of a GPU.
struct Problem : ConvProblem {
  using ConvProblem::ConvProblem;
  [[nodiscard]] TensorShape in() const { return shape_of(x, padded_channels(x.c)); }
  [[nodiscard]] TensorShape out() const { return shape_of(dy, padded_channels(dy.c)); }
  [[nodiscard]] std::vector<float> packed_filters() const {
    std::vector<float> result(static_cast<std::size_t>(filter_elements(shape)));
    pack_filters(shape, floats(weights), result);
    return result;
  }
};

template <typename T>
void check_forward(const Problem& p, bool relu, GatherTiles tiles = GatherTiles::chosen) {
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, p.in()));
  const OnDevice<T> w(stream, rounded_to<T>(p.packed_filters()));
  const OnDevice<float> bias(stream, floats(p.bias));
  OnDevice<T> y(stream, p.out().elements());
  conv_forward(stream, p.shape, x.data(), w.data(), bias.data(), y.data(), relu, tiles);
  const std::vector<T> got = y.values();
  EXPECT_TRUE(padding_is_zero(got, p.out()));
  p.expect_y<T>(unpacked(got, p.out()).v, relu);
}

template <typename T>
void check_input_gradient(const Problem& p, bool relu, GatherTiles tiles = GatherTiles::chosen) {
  const Stream stream;
  const reference::Tensor relu_output = reference::relu(p.x);
  const OnDevice<T> dy(stream, packed<T>(p.dy, p.out()));
  const OnDevice<T> w(stream, rounded_to<T>(p.packed_filters()));
  const OnDevice<T> mask(stream, packed<T>(relu_output, p.in()));
  OnDevice<T> dx(stream, p.in().elements());
  conv_input_gradient(stream, p.shape, dy.data(), w.data(), relu ? mask.data() : nullptr, dx.data(), tiles);
  const std::vector<T> got = dx.values();
  EXPECT_TRUE(padding_is_zero(got, p.in()));
  p.expect_input_gradient<T>(unpacked(got, p.in()).v, relu ? &relu_output : nullptr);
}

template <typename T>
void check_weight_gradient(const Problem& p, WeightTiles tiles = WeightTiles::chosen) {
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, p.in()));
  const OnDevice<T> dy(stream, packed<T>(p.dy, p.out()));
  OnDevice<float> dw(stream, filter_elements(p.shape));
  DeviceBuffer scratch(conv_weight_gradient_scratch(p.shape, tiles), "test");
  OnDevice<float> db(stream, p.shape.filters);
  conv_weight_gradient(stream, p.shape, x.data(), dy.data(), dw.data(), db.data(), scratch.as<float>(),
                       tiles);
  const std::vector<float> packed_gradient = dw.values();
  std::vector<float> got(p.weights.size());
  unpack_filters(p.shape, packed_gradient, got);
  std::vector<float> again(packed_gradient.size());
  pack_filters(p.shape, got, again);
  EXPECT_EQ(again, packed_gradient) << "the gradient of padding is not zero";
  const std::vector<float> bias = db.values();
  p.expect_parameter_gradients({got.begin(), got.end()}, {bias.begin(), bias.end()});
}

class CudaConv : public testing::TestWithParam<ConvCase> {};

TEST_P(CudaConv, ForwardInBf16) { check_forward<Bf16>(Problem(GetParam().shape), true); }
TEST_P(CudaConv, ForwardInFloat) { check_forward<float>(Problem(GetParam().shape), false); }
TEST_P(CudaConv, InputGradientInBf16) { check_input_gradient<Bf16>(Problem(GetParam().shape), true); }
TEST_P(CudaConv, InputGradientInFloat) { check_input_gradient<float>(Problem(GetParam().shape), false); }
TEST_P(CudaConv, WeightGradientInBf16) { check_weight_gradient<Bf16>(Problem(GetParam().shape)); }
TEST_P(CudaConv, WeightGradientInFloat) { check_weight_gradient<float>(Problem(GetParam().shape)); }

INSTANTIATE_TEST_SUITE_P(Shapes, CudaConv, testing::ValuesIn(kConvCases), case_name);

ConvShape make(int images, int channels, int height, int width, int filters, int kernel_height,
               int kernel_width, int stride, Padding pad, int groups) {
  return {images, channels, height,   width,      filters,   kernel_height, kernel_width,
          stride, pad.top,  pad.left, pad.bottom, pad.right, groups};
}

// Each kind of tile on one shape that fills none of them, and needs more than one in each direction.
class CudaConvTiles : public testing::TestWithParam<GatherTiles> {};
const Problem& many_tiles() {
  static const Problem one(make(2, 40, 11, 13, 136, 2, 3, 1, {1, 1, 0, 1}, 1));
  return one;
}
const Problem& two_groups() {
  static const Problem one(make(2, 272, 11, 13, 80, 1, 2, 1, {0, 1, 0, 0}, 2));
  return one;
}

TEST_P(CudaConvTiles, Forward) { check_forward<Bf16>(many_tiles(), false, GetParam()); }
TEST_P(CudaConvTiles, ForwardInGroups) { check_forward<Bf16>(two_groups(), true, GetParam()); }
TEST_P(CudaConvTiles, InputGradient) { check_input_gradient<Bf16>(many_tiles(), false, GetParam()); }
TEST_P(CudaConvTiles, InputGradientWithStride) {
  static const Problem strided(make(2, 136, 21, 15, 40, 3, 2, 2, {1, 1, 0, 1}, 1));
  check_input_gradient<Bf16>(strided, true, GetParam());
}
TEST_P(CudaConvTiles, InputGradientInGroups) { check_input_gradient<Bf16>(two_groups(), true, GetParam()); }
INSTANTIATE_TEST_SUITE_P(All, CudaConvTiles,
                         testing::Values(GatherTiles::wide256x128, GatherTiles::square128x128,
                                         GatherTiles::tall128x96, GatherTiles::tall128x64,
                                         GatherTiles::tall128x48, GatherTiles::small64x64));

class CudaConvWeightTiles : public testing::TestWithParam<WeightTiles> {};
TEST_P(CudaConvWeightTiles, WeightGradient) { check_weight_gradient<Bf16>(many_tiles(), GetParam()); }
TEST_P(CudaConvWeightTiles, WeightGradientInGroups) {
  check_weight_gradient<Bf16>(Problem(make(3, 48, 14, 15, 272, 1, 2, 1, {}, 2)), GetParam());
}
INSTANTIATE_TEST_SUITE_P(All, CudaConvWeightTiles,
                         testing::Values(WeightTiles::square128x128, WeightTiles::flat96x128,
                                         WeightTiles::small64x64));

TEST(CudaConvRandom, AllPassesWithAnyTiles) {
  constexpr int kGatherTiles = static_cast<int>(GatherTiles::small64x64) + 1;
  constexpr int kWeightTiles = static_cast<int>(WeightTiles::small64x64) + 1;
  RandomCases random;
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const bool aligned = random.flip();
    const Problem p(random.conv(aligned));
    SCOPED_TRACE(random.trace(i));
    const auto tiles = [&] { return static_cast<GatherTiles>(aligned ? random.below(kGatherTiles) : 0); };
    check_forward<Bf16>(p, random.flip(), tiles());
    check_input_gradient<Bf16>(p, random.flip(), tiles());
    check_weight_gradient<Bf16>(p, static_cast<WeightTiles>(aligned ? random.below(kWeightTiles) : 0));
    if (i % 4 != 0) continue;
    check_forward<float>(p, random.flip());
    check_input_gradient<float>(p, random.flip());
    check_weight_gradient<float>(p);
  }
}

TEST(CudaConvWeights, PartsAreSummedTheSameInEveryRun) {
  const Problem p(make(2, 8, 20, 20, 8, 3, 3, 1, {1, 1, 1, 1}, 1));
  ASSERT_GT(conv_weight_gradient_scratch(p.shape), 0U);  // several parts
  const Stream stream;
  const OnDevice<Bf16> x(stream, packed<Bf16>(p.x, p.in()));
  const OnDevice<Bf16> dy(stream, packed<Bf16>(p.dy, p.out()));
  OnDevice<float> dw(stream, filter_elements(p.shape));
  OnDevice<float> db(stream, p.shape.filters);
  DeviceBuffer scratch(conv_weight_gradient_scratch(p.shape), "test");
  std::vector<float> first;
  for (int run = 0; run < 4; ++run) {
    conv_weight_gradient(stream, p.shape, x.data(), dy.data(), dw.data(), db.data(), scratch.as<float>());
    std::vector<float> values = dw.values();
    std::ranges::copy(db.values(), std::back_inserter(values));
    if (run == 0) first = values;
    ASSERT_EQ(values, first) << "run " << run;
  }
}

// The input has 64 * 64 pixels, more than the output: 2^31 of them are 2^19 images.
TEST(CudaConvWeights, SizesOfHugeBatchesDoNotOverflow) {
  ConvShape shape = make(1 << 22, 3, 64, 64, 8, 3, 3, 1, {}, 1);
  EXPECT_LT(largest_conv_batch(shape), 1 << 19);
  EXPECT_GT(largest_conv_batch(shape), (1 << 19) - 1000);
  const std::uint64_t huge = conv_weight_gradient_scratch(shape);
  shape.images = 1 << 10;  // enough for the same number of parts
  EXPECT_EQ(huge, conv_weight_gradient_scratch(shape));
}

// The input of the transformed convolution, by its definition.
reference::Tensor to_depth(const SpaceToDepthConv& conv, const reference::Tensor& x) {
  const ConvShape& from = conv.original;
  const ConvShape& to = conv.transformed;
  reference::Tensor z(x.n, to.channels, to.height, to.width);
  for (int n = 0; n < z.n; ++n) {
    for (int h = 0; h < z.h; ++h) {
      for (int w = 0; w < z.w; ++w) {
        for (int channel = 0; channel < z.c; ++channel) {
          const int cell = channel / from.channels;
          const int row = h * from.stride + cell / from.stride - from.pad_top;
          const int column = w * from.stride + cell % from.stride - from.pad_left;
          if (row < 0 || row >= x.h || column < 0 || column >= x.w) continue;
          z.at(n, channel, h, w) = x.at(n, channel % from.channels, row, column);
        }
      }
    }
  }
  return z;
}

TEST(CudaConvSpaceToDepth, IsTheSameConvolution) {
  for (const ConvShape& shape :
       {make(2, 3, 24, 24, 12, 11, 11, 4, {0, 0, 3, 3}, 1), make(1, 3, 27, 31, 96, 11, 11, 4, {}, 1),
        make(1, 5, 10, 9, 4, 3, 4, 3, {1, 2, 2, 1}, 1), make(1, 1, 8, 8, 8, 2, 2, 2, {}, 1)}) {
    const SpaceToDepthConv conv = space_to_depth(shape);
    ASSERT_EQ(conv.transformed.out_height(), shape.out_height());
    ASSERT_EQ(conv.transformed.out_width(), shape.out_width());
    const Problem p(shape);
    const reference::Tensor z = to_depth(conv, p.x);
    std::vector<float> filters(static_cast<std::size_t>(filter_elements(conv.transformed)));
    pack_filters(conv, floats(p.weights), filters);
    const TensorShape in = shape_of(z, padded_channels(z.c));
    const Stream stream;
    const OnDevice<Bf16> x(stream, packed<Bf16>(z, in));
    const OnDevice<Bf16> w(stream, rounded_to<Bf16>(filters));
    const OnDevice<float> bias(stream, floats(p.bias));
    OnDevice<Bf16> y(stream, p.out().elements());
    conv_forward(stream, conv.transformed, x.data(), w.data(), bias.data(), y.data(), false);
    p.expect_y<Bf16>(unpacked(y.values(), p.out()).v, false);

    const OnDevice<Bf16> dy(stream, packed<Bf16>(p.dy, p.out()));
    OnDevice<float> dw(stream, filter_elements(conv.transformed));
    DeviceBuffer scratch(conv_weight_gradient_scratch(conv.transformed), "test");
    OnDevice<float> db(stream, shape.filters);
    conv_weight_gradient(stream, conv.transformed, x.data(), dy.data(), dw.data(), db.data(),
                         scratch.as<float>());
    std::vector<float> gradient(p.weights.size());
    unpack_filters(conv, dw.values(), gradient);
    const std::vector<float> bias_gradient = db.values();
    p.expect_parameter_gradients({gradient.begin(), gradient.end()},
                                 {bias_gradient.begin(), bias_gradient.end()});
  }
}

TEST(CudaConvSpaceToDepth, FirstLayerOfAlexNet) {
  const SpaceToDepthConv conv = space_to_depth(make(128, 3, 224, 224, 96, 11, 11, 4, {0, 0, 3, 3}, 1));
  EXPECT_EQ(conv.transformed.height, 57);
  EXPECT_EQ(conv.transformed.width, 57);
  EXPECT_EQ(conv.transformed.channels, 48);
  EXPECT_EQ(conv.transformed.kernel_height, 3);
  EXPECT_EQ(conv.transformed.out_height(), 55);
}

}  // namespace
}  // namespace convoy::cuda
