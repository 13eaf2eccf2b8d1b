// The GPU's elementwise operations, softmax, dropout, augmentation, column sums and SGD against the
// double-precision reference, or the CPU's where the bits must be the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/augment.h"
#include "kernels/column_sums.h"
#include "kernels/cuda/batch.h"
#include "kernels/dropout.h"
#include "kernels/relu.h"
#include "kernels/sgd.h"
#include "kernels/softmax.h"
#include "kernels/tanh.h"
#include "tests/support/device_memory.h"
#include "tests/support/tensors.h"

namespace convoy::cuda {
namespace {

using reference::Tensor;

template <typename T>
void check_activations() {
  const std::uint64_t seed = 41;
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (const int size : {1, 7, 300}) {
    TestRandom random(seed);
    const Tensor x = random.tensor(1, 8 * size, 1, 1);
    const Tensor dy = random.tensor(1, 8 * size, 1, 1);
    const TensorShape shape = shape_of(x, 8 * size);
    const Stream stream;
    const OnDevice<T> in(stream, packed<T>(x, shape));
    const OnDevice<T> gradient(stream, packed<T>(dy, shape));
    OnDevice<T> y(stream, shape.elements());
    OnDevice<T> dx(stream, shape.elements());
    relu_forward(stream, shape.elements(), in.data(), y.data());
    EXPECT_EQ(unpacked(y.values(), shape).v, reference::relu(x).v);
    relu_backward(stream, shape.elements(), std::as_const(y).data(), gradient.data(), dx.data());
    EXPECT_EQ(unpacked(dx.values(), shape).v, reference::relu_backward(x, dy).v);
    scale_activations(stream, shape.elements(), 0.5F, in.data(), y.data());
    EXPECT_EQ(unpacked(y.values(), shape).v, reference::map(x, [](double v) { return 0.5 * v; }).v);

    // The library's tanh is within 2 units in the last place; its derivative adds two roundings, of 1 at
    // most.
    const double factor = 4 * 0x1p-24 + kRounding<T>;
    tanh_forward(stream, shape.elements(), in.data(), y.data());
    const Tensor tanh = reference::tanh(x);
    expect_near(unpacked(y.values(), shape).v, tanh.v, reference::magnitudes(tanh.v), factor, "tanh");
    tanh_backward(stream, shape.elements(), std::as_const(y).data(), gradient.data(), dx.data());
    const Tensor derivative =
        reference::map(unpacked(y.values(), shape), [](double v) { return 1.0 - v * v; });
    reference::Values want = dy.v;
    for (std::size_t i = 0; i < want.size(); ++i) want[i] *= derivative.v[i];
    expect_near(unpacked(dx.values(), shape).v, want, reference::magnitudes(dy.v), factor, "tanh gradient");
  }
}
TEST(CudaActivations, MatchReference) {
  check_activations<float>();
  check_activations<Bf16>();
}

TEST(CudaActivations, KeepANan) {
  const Stream stream;
  OnDevice<float> x(stream, std::vector<float>(8, std::nanf("")));
  relu_forward(stream, 8, std::as_const(x).data(), x.data());
  for (const float value : x.values()) EXPECT_TRUE(std::isnan(value));
}

struct DropoutCase {
  const char* name;
  int images, there, channels, height, width;
  DropoutSpec spec;
};
const DropoutCase kDropoutCases[] = {
    {"fc", 3, 3, 40, 1, 1, {0.5, false}},
    {"fc_odd_partial", 4, 2, 37, 1, 1, {0.3, true}},
    {"maps", 2, 2, 13, 3, 5, {0.4, false}},
};
class CudaDropout : public ::testing::TestWithParam<DropoutCase> {};

// The masks are those of the reference, which draws word by word; values are scaled and rounded once.
TEST_P(CudaDropout, HasTheMasksOfTheReference) {
  const DropoutCase& k = GetParam();
  TestRandom random(42);
  const Tensor x = random.tensor(k.images, k.channels, k.height, k.width);
  DropoutShape shape;
  shape.tensor = shape_of(x, (k.channels + kChannelAlignment - 1) / kChannelAlignment * kChannelAlignment);
  shape.drop = static_cast<float>(k.spec.drop);
  shape.scale = k.spec.scale_at_test ? 1.0F : static_cast<float>(1.0 / (1.0 - k.spec.drop));
  shape.seed = 77;
  shape.layer = 2;
  std::vector<std::uint64_t> records{5, 1ULL << 33, 0, 9};
  std::vector<std::uint32_t> epochs{0, 4, 89, 1};
  const Stream stream;
  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{k.there}});
  const OnDevice<std::uint64_t> device_records(stream, records);
  const OnDevice<std::uint32_t> device_epochs(stream, epochs);
  const DropoutBatch batch{header.data(), device_records.data(), device_epochs.data()};
  Tensor want = x;
  const std::size_t each = x.v.size() / static_cast<std::size_t>(k.images);
  for (std::size_t n = 0; n < static_cast<std::size_t>(k.images); ++n) {
    const reference::Values factors =
        reference::dropout_factors(k.spec, each, shape.seed, records[n], epochs[n], shape.layer);
    for (std::size_t i = 0; i < each; ++i) {
      want.v[n * each + i] *= n < static_cast<std::size_t>(k.there) ? factors[i] : 0.0;
    }
  }
  const OnDevice<float> in(stream, packed<float>(x, shape.tensor));
  OnDevice<float> out(stream, shape.tensor.elements());
  dropout_forward(stream, shape, batch, in.data(), out.data());
  expect_near(unpacked(out.values(), shape.tensor).v, want.v, reference::magnitudes(want.v), 0x1p-22, "y");
  EXPECT_TRUE(filling_is_zero(out.values(), shape.tensor));
  OnDevice<float> gradient(stream, shape.tensor.elements());
  dropout_backward(stream, shape, batch, in.data(), gradient.data());
  EXPECT_EQ(gradient.values(), out.values());
  const OnDevice<Bf16> in16(stream, packed<Bf16>(x, shape.tensor));
  OnDevice<Bf16> out16(stream, shape.tensor.elements());
  dropout_forward(stream, shape, batch, in16.data(), out16.data());
  expect_near(unpacked(out16.values(), shape.tensor).v, want.v, reference::magnitudes(want.v),
              kRounding<Bf16> * 1.01, "y in bf16");
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaDropout, ::testing::ValuesIn(kDropoutCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

TEST(CudaDropout, BehindAReluTheOutputIsTheMask) {
  const std::vector<float> y{0.0F, 2.0F, 0.0F, 4.0F, 0.0F, 0.0F, 1.0F, 3.0F};
  const Stream stream;
  const OnDevice<float> out(stream, y);
  const OnDevice<float> dy(stream, std::vector<float>(8, 3.0F));
  OnDevice<float> dx(stream, 8);
  relu_dropout_backward(stream, 8, 2.0F, out.data(), dy.data(), dx.data());
  EXPECT_EQ(dx.values(), (std::vector<float>{0, 6, 0, 6, 0, 0, 6, 6}));
}

// Probabilities from float exponentials of differences up to 8: relative error of some 10 u, and classes * u
// from the sum. The gradient in T is rounded once more.
template <typename T>
void check_softmax(int classes, int images, int there) {
  const std::uint64_t seed = 43;
  SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(classes) + " classes");
  TestRandom random(seed);
  Tensor scores = random.tensor(images, classes, 1, 1);
  for (double& score : scores.v) score *= 4.0;
  std::vector<std::int32_t> labels;
  labels.reserve(static_cast<std::size_t>(there));
  for (int n = 0; n < there; ++n) labels.push_back(random.below(classes));
  const SoftmaxShape shape{classes, (classes + 7) / 8 * 8};
  const TensorShape tensor = shape_of(scores, static_cast<int>(shape.stride));
  const reference::Loss want = reference::softmax_loss(scores, labels);
  const double factor = (16 + classes) * 0x1p-24;

  const Stream stream;
  const OnDevice<float> in(stream, packed<float>(scores, tensor));
  OnDevice<float> probabilities(stream, std::int64_t{images} * classes);
  softmax_forward(stream, shape, images, in.data(), probabilities.data());
  const std::vector<float> p = probabilities.values();
  expect_near({p.begin(), p.end()}, want.probabilities.v, want.probabilities.v, factor, "probabilities");

  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{there}});
  const OnDevice<std::int32_t> device_labels(stream, labels);
  OnDevice<ImageLoss> losses(stream, images);
  OnDevice<T> gradient(stream, tensor.elements());
  softmax_loss(stream, shape, images, header.data(), device_labels.data(), in.data(), losses.data(),
               gradient.data());
  double mean = 0.0;
  const std::vector<ImageLoss> got = losses.values();
  for (int n = 0; n < there; ++n) {
    mean += double{got[static_cast<std::size_t>(n)].loss} / there;
    int rank = 0;
    const std::int32_t label = labels[static_cast<std::size_t>(n)];
    for (int c = 0; c < classes; ++c) {
      const double score = scores.at(n, c, 0, 0);
      const double own = scores.at(n, label, 0, 0);
      rank += score > own || (score == own && c < label) ? 1 : 0;
    }
    EXPECT_EQ(got[static_cast<std::size_t>(n)].rank, rank);
  }
  EXPECT_NEAR(mean, want.mean, factor * (1.0 + 8.0 + want.mean));
  reference::Values magnitude(want.gradient.v.size(), 1.0 / std::max(there, 1));
  expect_near(unpacked(gradient.values(), tensor).v, want.gradient.v, magnitude,
              factor + (sizeof(T) == 4 ? 0.0 : kRounding<T>), "gradient");
  EXPECT_TRUE(filling_is_zero(gradient.values(), tensor));
}
TEST(CudaSoftmax, MatchesReference) {
  for (const int classes : {2, 10, 33, 1000}) {
    check_softmax<float>(classes, 5, 5);
    check_softmax<Bf16>(classes, 5, 3);
  }
}
TEST(CudaSoftmax, CountsWhatIsNoNumberAgainstTheLabel) {
  const float nan = std::nanf("");
  std::vector<float> scores{1, 2, nan, 0, 0, 0, 0, 0, nan, 2, 3, 0, 0, 0, 0, 0};
  const Stream stream;
  const OnDevice<float> in(stream, scores);
  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{2}});
  const OnDevice<std::int32_t> labels(stream, std::vector<std::int32_t>{1, 0});
  OnDevice<ImageLoss> losses(stream, 2);
  softmax_loss(stream, {3, 8}, 2, header.data(), labels.data(), in.data(), losses.data(),
               static_cast<float*>(nullptr));
  const std::vector<ImageLoss> got = losses.values();
  EXPECT_EQ(got[0].rank, 1);
  EXPECT_EQ(got[1].rank, 3);
  EXPECT_TRUE(std::isnan(got[0].loss));
}

// Against the formula in double: two products and two sums, each rounded.
TEST(CudaSgd, UpdatesSeveralTensorsAndTheirCopies) {
  const std::uint64_t seed = 44;
  SCOPED_TRACE("seed " + std::to_string(seed));
  TestRandom random(seed);
  const Stream stream;
  const std::vector<SgdCoefficients> coefficients{{0.9F, 0.01F, 0.1F}, {0.5F, 0.0F, 0.25F}};
  const OnDevice<SgdCoefficients> device_coefficients(stream, coefficients);
  const std::size_t sizes[] = {5004, 12};
  std::vector<OnDevice<float>> w;
  std::vector<OnDevice<float>> v;
  std::vector<OnDevice<float>> g;
  std::vector<reference::Values> values;
  for (const std::size_t size : sizes) {
    for (auto* part : {&w, &v, &g}) {
      values.push_back(random.values(size));
      part->emplace_back(stream, floats(values.back()));
    }
  }
  OnDevice<Bf16> copy(stream, 5004);
  SgdTensors tensors{};
  for (std::size_t i = 0; i < 2; ++i) {
    tensors.tensor[i] = {static_cast<std::int64_t>(sizes[i]),
                         w[i].data(),
                         v[i].data(),
                         g[i].data(),
                         i == 0 ? copy.data() : nullptr,
                         device_coefficients.data() + i};
  }
  sgd_update(stream, tensors, 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const SgdCoefficients& k = coefficients[i];
    reference::Values momentum;
    reference::Values weight;
    for (std::size_t j = 0; j < sizes[i]; ++j) {
      momentum.push_back(double{k.momentum} * values[3 * i + 1][j] - double{k.decay} * values[3 * i][j] -
                         double{k.rate} * values[3 * i + 2][j]);
      weight.push_back(values[3 * i][j] + momentum.back());
    }
    const reference::Values ones(sizes[i], 3.0);
    const std::vector<float> got_v = v[i].values();
    const std::vector<float> got_w = w[i].values();
    expect_near({got_v.begin(), got_v.end()}, momentum, ones, 0x1p-23, "momentum");
    expect_near({got_w.begin(), got_w.end()}, weight, ones, 0x1p-23, "weights");
  }
  const std::vector<float> weights = w[0].values();
  const std::vector<Bf16> copies = copy.values();
  for (std::size_t j = 0; j < weights.size(); ++j)
    ASSERT_EQ(copies[j].bits, from_float<Bf16>(weights[j]).bits);
}

TEST(CudaColumnSums, MatchReference) {
  for (const std::int64_t rows : {1, 13, 512, 1500}) {
    for (const int columns : {8, 264}) {
      TestRandom random(45);
      const Tensor x = random.tensor(1, columns, static_cast<int>(rows), 1);
      const TensorShape shape = shape_of(x, columns);
      reference::Values want(static_cast<std::size_t>(columns));
      for (int c = 0; c < columns; ++c) {
        for (int r = 0; r < rows; ++r) want[static_cast<std::size_t>(c)] += x.at(0, c, r, 0);
      }
      const Stream stream;
      OnDevice<float> sums(stream, columns);
      const auto check = [&](const char* what) {
        const std::vector<float> got = sums.values();
        // Multiples of 1/128 below 1: sums of so few are exact in float.
        EXPECT_EQ(reference::Values(got.begin(), got.end()), want) << what << " " << rows << "x" << columns;
      };
      const OnDevice<float> in(stream, packed<float>(x, shape));
      column_sums(stream, rows, columns, in.data(), sums.data());
      check("float");
      const OnDevice<Bf16> in16(stream, packed<Bf16>(x, shape));
      column_sums(stream, rows, columns, in16.data(), sums.data());
      check("bf16");
    }
  }
}

struct AugmentCase {
  const char* name;
  int channels, stored_height, stored_width, height, width;
  int side, pad_top, pad_left, cells_down, cells_across;
};
const AugmentCase kAugmentCases[] = {
    {"colour", 3, 12, 11, 9, 8, 1, 0, 0, 9, 8},
    {"gray", 1, 7, 7, 7, 7, 1, 0, 0, 7, 7},
    {"cells_of_four", 3, 19, 21, 17, 18, 4, 0, 0, 5, 6},
    {"cells_padded", 2, 10, 9, 8, 9, 3, 2, 1, 4, 4},
};
class CudaAugment : public ::testing::TestWithParam<AugmentCase> {};

// Every element by the formula of ops.h; two roundings in float.
TEST_P(CudaAugment, CutsTurnsAndShifts) {
  const AugmentCase& k = GetParam();
  TestRandom random(46);
  const std::size_t stored =
      static_cast<std::size_t>(std::int64_t{k.stored_height} * k.stored_width * k.channels);
  std::vector<std::uint8_t> images(3 * stored);
  for (std::uint8_t& value : images) value = static_cast<std::uint8_t>(random.below(256));
  std::vector<float> mean(stored);
  for (float& value : mean) value = 128.0F + 64.0F * static_cast<float>(random.next());
  std::vector<Crop> crops;
  crops.reserve(3);
  for (int n = 0; n < 3; ++n) {
    crops.push_back({random.below(k.stored_height - k.height + 1),
                     random.below(k.stored_width - k.width + 1),
                     n != 1,
                     {1.5F, -2.0F, static_cast<float>(n)}});
  }
  AugmentShape shape{k.stored_height, k.stored_width, {}};
  const int cell_channels = k.side * k.side * k.channels;
  shape.out = {3, cell_channels, k.cells_down, k.cells_across, (cell_channels + 7) / 8 * 8};
  const SpaceToDepth cells{k.side, k.pad_top, k.pad_left, k.height, k.width};
  const int there = 2;
  Tensor want(3, cell_channels, k.cells_down, k.cells_across);
  for (int n = 0; n < there; ++n) {
    const Crop& crop = crops[static_cast<std::size_t>(n)];
    for (int h = 0; h < k.height; ++h) {
      for (int w = 0; w < k.width; ++w) {
        for (int c = 0; c < k.channels; ++c) {
          const int row = h + k.pad_top;
          const int column = w + k.pad_left;
          if (row / k.side >= k.cells_down || column / k.side >= k.cells_across) continue;
          const int from = crop.mirror ? k.width - 1 - w : w;
          const std::size_t at = static_cast<std::size_t>(
              ((std::int64_t{crop.top} + h) * k.stored_width + crop.left + from) * k.channels + c);
          const int channel = (row % k.side * k.side + column % k.side) * k.channels + c;
          want.at(n, channel, row / k.side, column / k.side) =
              double{images[static_cast<std::size_t>(n) * stored + at] * 1.0} - double{mean[at]} +
              double{crop.color_shift[c]};
        }
      }
    }
  }
  const Stream stream;
  const OnDevice<BatchHeader> header(stream, std::vector<BatchHeader>{{there}});
  const OnDevice<Crop> device_crops(stream, crops);
  const OnDevice<std::uint8_t> device_images(stream, images);
  const OnDevice<float> device_mean(stream, mean);
  const AugmentBatch batch{header.data(), device_crops.data(), device_images.data()};
  const reference::Values range(want.v.size(), 256.0);
  OnDevice<float> out(stream, shape.out.elements());
  augment(stream, shape, cells, batch, device_mean.data(), out.data());
  expect_near(unpacked(out.values(), shape.out).v, want.v, range, 0x1p-23, "fp32");
  EXPECT_TRUE(filling_is_zero(out.values(), shape.out));
  OnDevice<Bf16> out16(stream, shape.out.elements());
  augment(stream, shape, cells, batch, device_mean.data(), out16.data());
  expect_near(unpacked(out16.values(), shape.out).v, want.v, range, kRounding<Bf16>, "bf16");
}
INSTANTIATE_TEST_SUITE_P(Shapes, CudaAugment, ::testing::ValuesIn(kAugmentCases),
                         [](const auto& shape) { return std::string(shape.param.name); });

}  // namespace
}  // namespace convoy::cuda
