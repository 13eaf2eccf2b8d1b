// kernels/winograd: all passes against the double-precision reference, within bounds derived from
// the transforms.
#include "kernels/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/onednn.h"
#include "kernels/winograd_transform.h"
#include "lib/base/lanes.h"
#include "lib/base/thread_count.h"
#include "tests/support/cases_conv.h"
#include "tests/support/products.h"

namespace convoy {
namespace {

using Matrix = std::vector<std::vector<double>>;

// The magnitudes of the matrix of a one-dimensional transform of kInputs values.
template <std::size_t kInputs, typename Transform>
Matrix magnitudes_of(Transform&& transform) {
  Matrix matrix;
  for (std::size_t i = 0; i < kInputs; ++i) {
    std::array<double, kInputs> unit{};
    unit[i] = 1.0;
    const auto column = transform(unit);
    matrix.resize(column.size(), std::vector<double>(kInputs));
    for (std::size_t r = 0; r < column.size(); ++r) matrix[r][i] = std::abs(column[r]);
  }
  return matrix;
}

// m t m^T, for a square t in rows.
std::vector<double> both_sides(const Matrix& m, const std::vector<double>& t) {
  const std::size_t in = m.front().size();
  std::vector<double> result(m.size() * m.size());
  for (std::size_t i = 0; i < m.size(); ++i) {
    for (std::size_t j = 0; j < m.size(); ++j) {
      for (std::size_t a = 0; a < in; ++a) {
        for (std::size_t b = 0; b < in; ++b) result[i * m.size() + j] += m[i][a] * t[a * in + b] * m[j][b];
      }
    }
  }
  return result;
}

// The results of the tiled algorithm with all numbers and coefficients replaced by their magnitudes: a
// rounding error on any path through it is at most 2^-24 of that.
template <int kKernel>
class Sizes {
 public:
  // For y; operands are magnitudes. filter(k, c): the taps of output k for the c-th channel of its group.
  template <typename Filter>
  reference::Tensor convolution(const reference::Tensor& x, reference::Tensor y, int groups, int pad_top,
                                int pad_left, Filter&& filter) const {
    for_each_tile(y, [&](int n, int k, int top, int left) {
      const int channels = x.c / groups;
      const int first = k / (y.c / groups) * channels;
      std::vector<double> sums(kPoints * kPoints);
      for (int c = 0; c < channels; ++c) {
        const std::vector<double> d =
            both_sides(input_, tile(x, n, first + c, top - pad_top, left - pad_left, kPoints));
        const std::vector<double> g = both_sides(filter_, filter(k, c));
        for (std::size_t p = 0; p < sums.size(); ++p) sums[p] += d[p] * g[p];
      }
      const std::vector<double> out = both_sides(output_, sums);
      for (int r = 0; r < kSide && top + r < y.h; ++r) {
        for (int q = 0; q < kSide && left + q < y.w; ++q) {
          y.at(n, k, top + r, left + q) = out[static_cast<std::size_t>(std::int64_t{r} * kSide + q)];
        }
      }
    });
    return y;
  }
  // For the gradient of the filters, in PyTorch's order.
  reference::Values gradient(const reference::Tensor& x, const reference::Tensor& dy, int groups, int pad_top,
                             int pad_left) const {
    const int channels = x.c / groups;
    std::vector<std::vector<double>> sums(static_cast<std::size_t>(dy.c * channels),
                                          std::vector<double>(kPoints * kPoints));
    for_each_tile(dy, [&](int n, int k, int top, int left) {
      const std::vector<double> spread = both_sides(spread_, tile(dy, n, k, top, left, kSide));
      const int first = k / (dy.c / groups) * channels;
      for (int c = 0; c < channels; ++c) {
        const std::vector<double> d =
            both_sides(input_, tile(x, n, first + c, top - pad_top, left - pad_left, kPoints));
        std::vector<double>& sum = sums[static_cast<std::size_t>(std::int64_t{k} * channels + c)];
        for (std::size_t p = 0; p < sum.size(); ++p) sum[p] += d[p] * spread[p];
      }
    });
    reference::Values result;
    for (const std::vector<double>& sum : sums) {
      for (const double value : both_sides(gather_, sum)) result.push_back(value);
    }
    return result;
  }

 private:
  static constexpr int kPoints = winograd::kPoints<kKernel>;
  static constexpr int kSide = winograd::kOutputs;

  template <typename Body>
  static void for_each_tile(const reference::Tensor& y, Body&& body) {
    for (int n = 0; n < y.n; ++n) {
      for (int k = 0; k < y.c; ++k) {
        for (int top = 0; top < y.h; top += kSide) {
          for (int left = 0; left < y.w; left += kSide) body(n, k, top, left);
        }
      }
    }
  }
  static std::vector<double> tile(const reference::Tensor& x, int n, int c, int top, int left, int side) {
    std::vector<double> result;
    for (int r = top; r < top + side; ++r) {
      for (int q = left; q < left + side; ++q) {
        const bool inside = r >= 0 && r < x.h && q >= 0 && q < x.w;
        result.push_back(inside ? x.at(n, c, r, q) : 0.0);
      }
    }
    return result;
  }

  Matrix input_ = magnitudes_of<kPoints>([](const auto& d) { return winograd::transform_input<kKernel>(d); });
  Matrix filter_ =
      magnitudes_of<kKernel>([](const auto& g) { return winograd::transform_filter<kKernel>(g); });
  Matrix output_ =
      magnitudes_of<kPoints>([](const auto& m) { return winograd::transform_output<kKernel>(m); });
  Matrix spread_ = magnitudes_of<kSide>([](const auto& y) { return winograd::spread_output<kKernel>(y); });
  Matrix gather_ = magnitudes_of<kPoints>([](const auto& u) { return winograd::gather_filter<kKernel>(u); });
};

// images, channels, height, width, filters, kernel, stride, padding (top, left, bottom, right), groups
const ConvCase kCases[] = {
    {"one_image", {1, 16, 4, 4, 16, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"partial_tiles", {2, 32, 7, 6, 16, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"groups", {2, 32, 13, 13, 64, 3, 3, 1, 1, 1, 1, 1, 2}},
    {"no_padding", {3, 16, 6, 5, 32, 3, 3, 1, 0, 0, 0, 0, 1}},
    {"wide_padding", {1, 16, 1, 1, 16, 3, 3, 1, 2, 2, 4, 3, 1}},
    {"five", {2, 32, 9, 8, 32, 5, 5, 1, 2, 2, 2, 2, 2}},
    {"four_paddings", {1, 16, 6, 9, 16, 5, 5, 1, 4, 0, 1, 3, 1}},
    {"several_chunks", {9, 16, 12, 12, 16, 5, 5, 1, 2, 2, 2, 2, 1}},
    {"last_mosaic_not_full", {7, 16, 13, 13, 16, 3, 3, 1, 1, 1, 1, 1, 1}},
    {"mosaic_of_no_padding", {6, 16, 7, 5, 16, 3, 3, 1, 0, 0, 0, 0, 1}},
    {"mosaic_of_four_paddings", {9, 16, 5, 6, 16, 5, 5, 1, 4, 0, 1, 3, 1}},
};

// Roundings on a path: the terms of the sum, and at most 40 in the transforms (4 in each of the two
// directions for inputs and outputs, 6 for filters with their rounded coefficients, twice), the product and
// the bias.
constexpr int kTransformRoundings = 40;

// Activations in bf16 are rounded once, on their way to memory.
template <int kKernel, typename T>
void check(const ConvShape& s, bool relu, std::uint64_t seed) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  TestRandom random(seed);
  const reference::Tensor x = random.tensor(s.images, s.channels, s.height, s.width);
  const reference::Values weights = random.values(static_cast<std::size_t>(s.weights()));
  const reference::Values bias = random.values(static_cast<std::size_t>(s.filters));
  const reference::Tensor dy = random.tensor(s.images, s.filters, s.out_height(), s.out_width());
  cpu::ProductOptions options;
  options.train = true;
  options.element = sizeof(T) == 4 ? Element::f32 : Element::bf16;
  options.relu = relu;
  const std::unique_ptr<cpu::Product> product = cpu::make_winograd(s, options);
  const ProductRun run = run_product<T>(*product, x, weights, bias, dy, true);

  const ConvSpec spec = spec_of(s);
  reference::Tensor y = reference::conv(spec, x, weights, bias);
  if (relu) y = reference::relu(y);
  const reference::ProductGradients g = reference::conv_backward(spec, x, weights, dy);

  const Sizes<kKernel> sizes;
  const int channels = s.channels / s.groups;
  const int filters = s.filters / s.groups;
  constexpr int kTaps = kKernel * kKernel;
  const auto tap = [&](int k, int c, int i) {
    return std::abs(weights[static_cast<std::size_t>((std::int64_t{k} * channels + c) * kTaps + i)]);
  };
  reference::Tensor y_size =
      sizes.convolution(reference::magnitudes(x), y, s.groups, s.pad_top, s.pad_left, [&](int k, int c) {
        std::vector<double> taps;
        taps.reserve(kTaps);
        for (int i = 0; i < kTaps; ++i) taps.push_back(tap(k, c, i));
        return taps;
      });
  for (double& size : y_size.v) size += 1.0;  // the bias
  const reference::Tensor dx_size =
      sizes.convolution(reference::magnitudes(dy), x, s.groups, kKernel - 1 - s.pad_top,
                        kKernel - 1 - s.pad_left, [&](int c, int k) {
                          std::vector<double> taps;
                          taps.reserve(kTaps);
                          for (int i = kTaps; i-- > 0;)
                            taps.push_back(tap(c / channels * filters + k, c % channels, i));
                          return taps;
                        });
  const reference::Values dw_size =
      sizes.gradient(reference::magnitudes(x), reference::magnitudes(dy), s.groups, s.pad_top, s.pad_left);
  const double outputs = double(s.images) * s.out_height() * s.out_width();
  const double stored = sizeof(T) == 4 ? 0.0 : kRounding<T>;
  expect_near(run.y.v, y.v, y_size.v, (channels + kTransformRoundings) * 0x1p-24 + stored, "y");
  expect_near(run.gradients.x.v, g.x.v, dx_size.v, (filters + kTransformRoundings) * 0x1p-24 + stored,
              "input gradient");
  expect_near(run.gradients.weights, g.weights, dw_size, (outputs + kTransformRoundings) * 0x1p-24,
              "weight gradient");
  const reference::Values db_size(g.bias.size(), outputs);
  expect_near(run.gradients.bias, g.bias, db_size, (outputs + 1) * 0x1p-24, "bias gradient");
}

template <typename T>
void check(const ConvShape& shape, bool relu, std::uint64_t seed) {
  if (shape.kernel_height == 3) {
    check<3, T>(shape, relu, seed);
  } else {
    check<5, T>(shape, relu, seed);
  }
}

class Winograd : public ::testing::TestWithParam<ConvCase> {};

TEST_P(Winograd, MatchesReference) {
  for (const int threads : {1, 3}) {
    SCOPED_TRACE(std::to_string(threads) + " threads");
    const ThreadCount thread_count(threads);
    check<float>(GetParam().shape, threads == 3, 21);
    check<Bf16>(GetParam().shape, threads == 3, 22);
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Winograd, ::testing::ValuesIn(kCases), case_name);

// Exact except for the factors of the filters, which are rounded to float.
template <int kKernel>
void check_identity() {
  TestRandom random(7);
  std::array<double, winograd::kPoints<kKernel>> d{};
  std::array<double, kKernel> g{};
  for (double& value : d) value = random.values(1)[0];
  for (double& value : g) value = random.values(1)[0];
  const auto input = winograd::transform_input<kKernel>(d);
  auto products = winograd::transform_filter<kKernel>(g);
  for (std::size_t p = 0; p < products.size(); ++p) products[p] *= input[p];
  const auto y = winograd::transform_output<kKernel>(products);
  for (std::size_t i = 0; i < y.size(); ++i) {
    double want = 0.0;
    for (std::size_t j = 0; j < g.size(); ++j) want += g[j] * d[i + j];
    EXPECT_NEAR(y[i], want, 1e-4) << "output " << i;
  }
}

TEST(WinogradTransform, FiltersOneDimension) {
  check_identity<3>();
  check_identity<5>();
}

TEST(WinogradServes, WhatItIsMadeFor) {
  cpu::ProductOptions options;
  options.train = true;
  const ConvShape conv2{128, 96, 27, 27, 256, 5, 5, 1, 2, 2, 2, 2, 2};
  const ConvShape conv3{128, 256, 13, 13, 384, 3, 3, 1, 1, 1, 1, 1, 1};
  EXPECT_TRUE(cpu::winograd_serves(conv2, options));
  EXPECT_TRUE(cpu::winograd_serves(conv3, options));
  options.src_block = kLanes;
  EXPECT_TRUE(cpu::winograd_serves(conv3, options));
  options.src_block = 1;
  EXPECT_FALSE(cpu::winograd_serves(conv3, options)) << "the input's layout";
  options.src_block.reset();
  const auto refused = [&](auto&& change) {
    ConvShape shape = conv3;
    change(shape);
    return !cpu::winograd_serves(shape, options);
  };
  EXPECT_TRUE(refused([](ConvShape& s) { s.stride = 2; }));
  EXPECT_TRUE(refused([](ConvShape& s) { s.kernel_width = 5; }));
  EXPECT_TRUE(refused([](ConvShape& s) { s.filters = 36; })) << "not whole blocks";
  EXPECT_TRUE(refused([](ConvShape& s) { s.groups = 16; })) << "few channels a group";
  EXPECT_TRUE(refused([](ConvShape& s) { s.pad_top = 3; }));
  EXPECT_TRUE(refused([](ConvShape& s) { s.images = 1; })) << "few tiles";
  options.element = Element::bf16;
  EXPECT_EQ(cpu::winograd_serves(conv3, options), !cpu::onednn_multiplies_bf16_tiles());
  options.f32_output = true;
  EXPECT_FALSE(cpu::winograd_serves(conv3, options)) << "an output of another type";
}

}  // namespace
}  // namespace convoy
