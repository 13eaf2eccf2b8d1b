// The convolutions of the GPU against the double-precision reference, on the emulated device or a real one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <ostream>
#include <vector>

#include "kernels/conv.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "tests/support/conv_spec.h"
#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy {

void PrintTo(const ConvShape& s, std::ostream* out) {
  *out << s.images << "x" << s.height << "x" << s.width << "x" << s.channels << " -> " << s.filters << " of "
       << s.kernel_height << "x" << s.kernel_width << " stride " << s.stride << " pad " << s.pad_top << ","
       << s.pad_left << "," << s.pad_bottom << "," << s.pad_right << " groups " << s.groups;
}

namespace cuda {
namespace {

template <typename T>
std::vector<T> convert(const std::vector<float>& values) {
  std::vector<T> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) result[i] = from_float<T>(values[i]);
  return result;
}

// |got - want| within the rounding of `terms` sums in float of terms whose magnitudes add up to `magnitude`,
// then of one rounding of the result to T.
template <typename T>
void expect_sums(const reference::Values& got, const reference::Values& want,
                 const reference::Values& magnitude, double terms, const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  const double rounding = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double sums = (terms + 1) * kRounding<float> * magnitude[i];
    // A NaN fails: an unwritten or poisoned value.
    ASSERT_LE(std::abs(got[i] - want[i]), sums + rounding * (std::abs(want[i]) + sums) + 1e-30)
        << what << " [" << i << "]: got " << got[i] << ", want " << want[i];
  }
}

struct Problem {
  explicit Problem(const ConvShape& of) : shape(of), spec(spec_of(of)) {
    TestRandom random(7);
    x = random.tensor(of.images, of.channels, of.height, of.width);
    dy = random.tensor(of.images, of.filters, of.out_height(), of.out_width());
    weights = random.values(static_cast<std::size_t>(of.weights()));
    bias = random.values(static_cast<std::size_t>(of.filters));
  }
  [[nodiscard]] TensorShape in() const {
    return {shape.images, shape.channels, shape.height, shape.width, padded_channels(shape.channels)};
  }
  [[nodiscard]] TensorShape out() const {
    return {shape.images, shape.filters, shape.out_height(), shape.out_width(),
            padded_channels(shape.filters)};
  }
  [[nodiscard]] std::vector<float> packed_filters() const {
    std::vector<float> result(static_cast<std::size_t>(filter_elements(shape)));
    pack_filters(shape, floats(weights), result);
    return result;
  }
  [[nodiscard]] double taps() const { return shape.kernel_height * shape.kernel_width; }
  // The reference's results, and those of everything without its sign; computed when first asked for.
  const reference::Tensor& y() const {
    if (!y_) y_ = reference::conv(spec, x, weights, bias);
    return *y_;
  }
  const reference::Tensor& y_magnitude() const {
    if (!y_magnitude_) {
      y_magnitude_ = reference::conv(spec, reference::magnitudes(x), reference::magnitudes(weights),
                                     reference::magnitudes(bias));
    }
    return *y_magnitude_;
  }
  const reference::ProductGradients& gradients() const {
    if (!gradients_) gradients_ = reference::conv_backward(spec, x, weights, dy);
    return *gradients_;
  }
  const reference::ProductGradients& gradient_magnitudes() const {
    if (!gradient_magnitudes_) {
      gradient_magnitudes_ = reference::conv_backward(
          spec, reference::magnitudes(x), reference::magnitudes(weights), reference::magnitudes(dy));
    }
    return *gradient_magnitudes_;
  }

  ConvShape shape;
  ConvSpec spec;
  reference::Tensor x;
  reference::Tensor dy;
  reference::Values weights;
  reference::Values bias;

 private:
  mutable std::optional<reference::Tensor> y_;
  mutable std::optional<reference::Tensor> y_magnitude_;
  mutable std::optional<reference::ProductGradients> gradients_;
  mutable std::optional<reference::ProductGradients> gradient_magnitudes_;
};

template <typename T>
void check_forward(const Problem& p, bool relu, GatherTiles tiles = GatherTiles::chosen) {
  const Stream stream;
  const OnDevice<T> x(stream, packed<T>(p.x, p.in()));
  const OnDevice<T> w(stream, convert<T>(p.packed_filters()));
  const OnDevice<float> bias(stream, floats(p.bias));
  OnDevice<T> y(stream, p.out().elements());
  conv_forward(stream, p.shape, x.data(), w.data(), bias.data(), y.data(), relu, tiles);
  const std::vector<T> got = y.values();
  EXPECT_TRUE(filling_is_zero(got, p.out()));
  reference::Tensor want = p.y();
  if (relu) want = reference::relu(want);
  expect_sums<T>(unpacked(got, p.out()).v, want.v, p.y_magnitude().v,
                 p.taps() * p.shape.channels / p.shape.groups, "y");
}

template <typename T>
void check_input_gradient(const Problem& p, bool relu, GatherTiles tiles = GatherTiles::chosen) {
  const Stream stream;
  const reference::Tensor relu_output = reference::relu(p.x);
  const OnDevice<T> dy(stream, packed<T>(p.dy, p.out()));
  const OnDevice<T> w(stream, convert<T>(p.packed_filters()));
  const OnDevice<T> mask(stream, packed<T>(relu_output, p.in()));
  OnDevice<T> dx(stream, p.in().elements());
  conv_input_gradient(stream, p.shape, dy.data(), w.data(), relu ? mask.data() : nullptr, dx.data(), tiles);
  const std::vector<T> got = dx.values();
  EXPECT_TRUE(filling_is_zero(got, p.in()));
  reference::Tensor want = p.gradients().x;
  if (relu) want = reference::relu_backward(relu_output, want);
  expect_sums<T>(unpacked(got, p.in()).v, want.v, p.gradient_magnitudes().x.v,
                 p.taps() * p.shape.filters / p.shape.groups, "dx");
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
  EXPECT_EQ(again, packed_gradient) << "the gradient of filling is not zero";
  const double pixels = static_cast<double>(p.shape.images) * p.shape.out_height() * p.shape.out_width();
  expect_sums<float>({got.begin(), got.end()}, p.gradients().weights, p.gradient_magnitudes().weights, pixels,
                     "dw");
  const std::vector<float> bias = db.values();
  expect_sums<float>({bias.begin(), bias.end()}, p.gradients().bias, p.gradient_magnitudes().bias, pixels,
                     "db");
}

class CudaConv : public testing::TestWithParam<ConvShape> {};

TEST_P(CudaConv, ForwardInBf16) { check_forward<Bf16>(Problem(GetParam()), true); }
TEST_P(CudaConv, ForwardInFloat) { check_forward<float>(Problem(GetParam()), false); }
TEST_P(CudaConv, InputGradientInBf16) { check_input_gradient<Bf16>(Problem(GetParam()), true); }
TEST_P(CudaConv, InputGradientInFloat) { check_input_gradient<float>(Problem(GetParam()), false); }
TEST_P(CudaConv, WeightGradientInBf16) { check_weight_gradient<Bf16>(Problem(GetParam())); }
TEST_P(CudaConv, WeightGradientInFloat) { check_weight_gradient<float>(Problem(GetParam())); }

ConvShape make(int images, int channels, int height, int width, int filters, int kernel_height,
               int kernel_width, int stride, Padding pad, int groups) {
  return {images, channels, height,   width,      filters,   kernel_height, kernel_width,
          stride, pad.top,  pad.left, pad.bottom, pad.right, groups};
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CudaConv,
    testing::Values(make(1, 1, 1, 1, 1, 1, 1, 1, {}, 1),                 // the smallest there is
                    make(1, 8, 5, 5, 8, 3, 3, 1, {1, 1, 1, 1}, 1),       //
                    make(2, 3, 7, 6, 5, 3, 2, 1, {1, 0, 1, 1}, 1),       // channels that fill up
                    make(3, 16, 9, 11, 24, 3, 3, 1, {0, 0, 0, 0}, 2),    // aligned groups
                    make(2, 6, 8, 7, 10, 3, 3, 1, {1, 1, 1, 1}, 2),      // groups that are not
                    make(1, 21, 5, 5, 35, 2, 2, 1, {1, 0, 0, 1}, 7),     //
                    make(1, 8, 3, 4, 8, 3, 3, 1, {4, 5, 6, 3}, 1),       // more padding than kernel
                    make(2, 8, 13, 10, 16, 3, 5, 2, {1, 2, 0, 3}, 1),    // strides
                    make(1, 5, 17, 19, 7, 4, 3, 3, {2, 1, 1, 2}, 1),     //
                    make(3, 16, 8, 7, 48, 3, 3, 2, {1, 1, 1, 1}, 2),     // in groups
                    make(2, 11, 7, 9, 13, 1, 1, 2, {}, 1),               // pixels of x that no tap meets
                    make(1, 9, 9, 10, 3, 2, 1, 5, {1, 0, 0, 7}, 1),      //
                    make(1, 8, 2, 1, 8, 2, 2, 4, {3, 2, 1, 3}, 1),       // a stride above the size
                    make(1, 4, 3, 2, 4, 2, 2, 65535, {1, 0, 0, 0}, 1),   //
                    make(2, 14, 9, 8, 22, 3, 2, 2, {0, 1, 1, 1}, 2),     // in groups that are not aligned
                    make(1, 34, 6, 7, 26, 5, 3, 3, {2, 2, 1, 0}, 2),     //
                    make(2, 13, 6, 5, 13, 3, 3, 1, {1, 1, 1, 1}, 13),    // a group a channel
                    make(1, 3, 7, 5, 6, 3, 3, 2, {1, 1, 1, 1}, 3),       //
                    make(1, 10, 5, 6, 142, 2, 2, 1, {}, 2),              // unaligned, several tiles
                    make(1, 146, 5, 5, 10, 2, 1, 1, {1, 0, 0, 0}, 2),    //
                    make(2, 3, 23, 23, 12, 11, 11, 4, {0, 0, 3, 3}, 1),  // conv1 of AlexNet, fewer of all
                    make(1, 32, 7, 7, 48, 5, 5, 1, {2, 2, 2, 2}, 2),     // conv2
                    make(1, 40, 13, 13, 72, 3, 3, 1, {1, 1, 1, 1}, 1),   // conv3: sizes that fill no tile
                    make(2, 8, 1, 300, 8, 1, 7, 1, {0, 3, 0, 3}, 1)));   // long rows, several parts

// Every tile on one shape that fills none of them and needs more than one in each direction.
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

// 62 * 62 outputs of 64 * 64 pixels: 2^31 of the larger ones are 2^19 images.
TEST(CudaConvWeights, SizesOfHugeBatchesDoNotOverflow) {
  ConvShape shape = make(1 << 22, 3, 64, 64, 8, 3, 3, 1, {}, 1);
  EXPECT_LT(largest_conv_batch(shape), 1 << 19);
  EXPECT_GT(largest_conv_batch(shape), (1 << 19) - 1000);
  const std::uint64_t huge = conv_weight_gradient_scratch(shape);
  shape.images = 1 << 10;  // enough for as many parts
  EXPECT_EQ(huge, conv_weight_gradient_scratch(shape));
}

// x of the transformed convolution, by its definition.
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
    const TensorShape in = {z.n, z.c, z.h, z.w, padded_channels(z.c)};
    const Stream stream;
    const OnDevice<Bf16> x(stream, packed<Bf16>(z, in));
    const OnDevice<Bf16> w(stream, convert<Bf16>(filters));
    const OnDevice<float> bias(stream, floats(p.bias));
    OnDevice<Bf16> y(stream, p.out().elements());
    conv_forward(stream, conv.transformed, x.data(), w.data(), bias.data(), y.data(), false);
    expect_sums<Bf16>(unpacked(y.values(), p.out()).v, p.y().v, p.y_magnitude().v, p.taps() * shape.channels,
                      "y");

    const OnDevice<Bf16> dy(stream, packed<Bf16>(p.dy, p.out()));
    OnDevice<float> dw(stream, filter_elements(conv.transformed));
    DeviceBuffer scratch(conv_weight_gradient_scratch(conv.transformed), "test");
    OnDevice<float> db(stream, shape.filters);
    conv_weight_gradient(stream, conv.transformed, x.data(), dy.data(), dw.data(), db.data(),
                         scratch.as<float>());
    std::vector<float> gradient(p.weights.size());
    unpack_filters(conv, dw.values(), gradient);
    const double pixels = static_cast<double>(shape.images) * shape.out_height() * shape.out_width();
    expect_sums<float>({gradient.begin(), gradient.end()}, p.gradients().weights,
                       p.gradient_magnitudes().weights, pixels, "dw");
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
}  // namespace cuda
}  // namespace convoy
