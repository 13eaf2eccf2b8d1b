#include "lib/shards/mean.h"

// Without vectors, the last bits of a 3x3 problem do not depend on the processor.
#define EIGEN_DONT_VECTORIZE
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "formats/color_statistics.h"
#include "formats/safetensors.h"
#include "lib/base/content.h"
#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/marks.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

__extension__ using Wide = unsigned __int128;
__extension__ using SignedWide = __int128;

// The covariance of channels c and d. The numerator is exact: n <= 2^48, and the sums are below 2^64
// and 2^56.
double covariance(const ImageSums& sums, int c, int d) {
  const std::uint64_t n = sums.count * sums.pixels();
  const auto row = static_cast<std::size_t>(c) * static_cast<std::size_t>(sums.channels);
  const std::uint64_t product = sums.products[row + static_cast<std::size_t>(d)];
  const SignedWide numerator =
      static_cast<SignedWide>(n) * static_cast<SignedWide>(product) -
      static_cast<SignedWide>(sums.channel_sum(c)) * static_cast<SignedWide>(sums.channel_sum(d));
  return static_cast<double>(numerator) / static_cast<double>(n) / static_cast<double>(n);
}

template <int channels>
void set_color_statistics(const ImageSums& sums, MeanStatistics& statistics) {
  using Matrix = Eigen::Matrix<double, channels, channels>;
  Matrix matrix;
  for (int c = 0; c < channels; ++c) {
    for (int d = 0; d < channels; ++d) matrix(c, d) = covariance(sums, c, d);
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> solver(matrix);
  for (int i = channels - 1; i >= 0; --i) {  // the solver returns the smallest first
    Eigen::Matrix<double, channels, 1> direction = solver.eigenvectors().col(i);
    Eigen::Index largest = 0;
    direction.cwiseAbs().maxCoeff(&largest);
    if (direction(largest) < 0.0) direction = -direction;
    for (int c = 0; c < channels; ++c) {
      statistics.eigenvectors.push_back(static_cast<float>(direction(c)));
    }
    // Rounding may make the zero eigenvalue of a flat direction slightly negative.
    statistics.stddev.push_back(static_cast<float>(std::sqrt(std::max(solver.eigenvalues()(i), 0.0))));
  }
}

void check_sums(const ImageSums& sums, std::string_view place) {
  const auto fail = [&](const char* reason) { throw Error(place, reason); };
  if (sums.count == 0 || sums.count > kMaxSummedPixels / sums.pixels()) fail("count is out of range");
  const std::uint64_t most = sums.count * kMaxPixelValue;
  if (std::ranges::any_of(sums.sum, [&](std::uint64_t sum) { return sum > most; })) {
    fail("a sum is larger than count images can give");
  }
  const auto channels = static_cast<std::size_t>(sums.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t d = 0; d < channels; ++d) {
      const std::uint64_t product = sums.products[c * channels + d];
      if (product > most * sums.pixels() * kMaxPixelValue)
        fail("a colour product is larger than count images can give");
      if (product != sums.products[d * channels + c]) fail("color_products are not symmetric");
    }
  }
}

TensorView view_of(const std::string& name, std::vector<std::uint64_t> shape,
                   const std::vector<float>& values) {
  return {name, DType::f32, std::move(shape), std::as_bytes(std::span(values))};
}

TensorView view_of(const std::string& name, std::vector<std::uint64_t> shape,
                   std::span<const std::uint64_t> values) {
  return {name, DType::u64, std::move(shape), std::as_bytes(values)};
}

}  // namespace

float round_ratio(std::uint64_t numerator, std::uint64_t denominator) {
  constexpr int kPrecision = 24;  // bits of a float's significand
  if (numerator == 0) return 0.0F;
  // Scaled so that the integer part of the quotient has one or two bits more than a float keeps.
  const int shift = kPrecision + 1 + static_cast<int>(std::bit_width(denominator)) -
                    static_cast<int>(std::bit_width(numerator));
  const Wide scaled = Wide{numerator} << shift;
  const auto quotient = static_cast<std::uint64_t>(scaled / denominator);
  const bool exact = scaled % denominator == 0;
  const int extra = quotient >> (kPrecision + 1) == 0 ? 1 : 2;
  const std::uint64_t half = std::uint64_t{1} << (extra - 1);
  const std::uint64_t rest = quotient & (2 * half - 1);
  std::uint64_t kept = quotient >> extra;
  if (rest > half || (rest == half && (!exact || (kept & 1U) != 0))) ++kept;
  return std::ldexp(static_cast<float>(kept), extra - shift);
}

MeanStatistics statistics_of(const ImageSums& sums) {
  MeanStatistics statistics;
  statistics.mean.reserve(sums.sum.size());
  for (const std::uint64_t sum : sums.sum) statistics.mean.push_back(round_ratio(sum, sums.count));
  for (int c = 0; c < sums.channels; ++c) {
    statistics.channel_mean.push_back(round_ratio(sums.channel_sum(c), sums.count * sums.pixels()));
  }
  if (sums.channels == 1) {
    set_color_statistics<1>(sums, statistics);
  } else {
    set_color_statistics<3>(sums, statistics);
  }
  return statistics;
}

Image mean_picture(const ImageSums& sums) {
  Image image{sums.width, sums.height, sums.channels, std::vector<std::uint8_t>(sums.sum.size())};
  const std::size_t pixels = sums.pixels();
  const auto channels = static_cast<std::size_t>(sums.channels);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < pixels; ++i) {
      // sum + count / 2, over count, is at most 255.5: nothing overflows, as sum <= 255 * 2^48.
      image.pixels[i * channels + c] =
          static_cast<std::uint8_t>((sums.sum[c * pixels + i] + sums.count / 2) / sums.count);
    }
  }
  return image;
}

void refuse_weights(const SafetensorsFile& file) {
  if (!file.metadata().contains(kMetaNet)) return;
  const bool checkpoint = file.metadata().contains(kMetaCheckpoint);
  throw Error(file.name(), wrong_file(checkpoint ? "a checkpoint" : "weights", Expected::mean));
}

MeanFile read_mean_file(const std::string& path, const MemoryLimit& memory) {
  return mean_file_from(SafetensorsFile(path, Expected::mean, memory), memory);
}

MeanFile mean_file_from(const SafetensorsFile& file, const MemoryLimit& memory) {
  refuse_weights(file);
  const TensorView& sum = file.get("sum");
  const TensorView& count = file.get("count");
  const TensorView& products = file.get(kColorProductsTensor);
  const auto reject = [&](const TensorView& tensor, const char* expected) {
    throw Error(file.name(),
                "tensor '" + tensor.name + "' is " + shape_text(tensor.shape) + ", expected " + expected);
  };
  if (sum.shape.size() != 3 || (sum.shape[0] != 1 && sum.shape[0] != 3) || sum.shape[1] < 1 ||
      sum.shape[1] > kMaxImageSide || sum.shape[2] < 1 || sum.shape[2] > kMaxImageSide) {
    reject(sum, "[C,H,W] of images");
  }
  if (!count.shape.empty()) reject(count, "one number, []");
  const std::vector<std::uint64_t> square = {sum.shape[0], sum.shape[0]};
  if (products.shape != square) reject(products, shape_text(square).c_str());

  constexpr std::uint64_t kBytesAValue = 2 * sizeof(std::uint64_t) + sizeof(float) + 4;
  require_memory(kBytesAValue * sum.shape[0] * sum.shape[1] * sum.shape[2], memory, file.name(),
                 "sums of " + shape_text(sum.shape));
  MeanFile mean;
  mean.has_checksum = file.has_checksum();
  mean.sums = {static_cast<int>(sum.shape[2]),
               static_cast<int>(sum.shape[1]),
               static_cast<int>(sum.shape[0]),
               count.u64(file.name()).front(),
               {},
               {}};
  const auto sum_values = sum.u64(file.name());
  mean.sums.sum.assign(sum_values.begin(), sum_values.end());
  const auto product_values = products.u64(file.name());
  mean.sums.products.assign(product_values.begin(), product_values.end());
  check_sums(mean.sums, file.name());
  const auto text = file.metadata().find(kMetaPreprocessing);
  if (text == file.metadata().end()) throw Error(file.name(), "no convoy.preprocessing: not of meanimg");
  mean.preprocessing = preprocessing_from_json(parse_json(text->second, file.name()), file.name());
  return mean;
}

void write_mean_file(OutputFile& out, const MeanFile& mean) {
  const MeanStatistics statistics = statistics_of(mean.sums);
  const auto channels = static_cast<std::uint64_t>(mean.sums.channels);
  const std::vector<std::uint64_t> image = {channels, static_cast<std::uint64_t>(mean.sums.height),
                                            static_cast<std::uint64_t>(mean.sums.width)};
  const std::array<TensorView, 7> tensors = {
      view_of("mean", image, statistics.mean),
      view_of("channel_mean", {channels}, statistics.channel_mean),
      view_of(std::string(kColorEigenvectorsTensor), {channels, channels}, statistics.eigenvectors),
      view_of(std::string(kColorDeviationsTensor), {channels}, statistics.stddev),
      view_of("sum", image, mean.sums.sum),
      view_of("count", {}, std::span(&mean.sums.count, 1)),
      view_of(kColorProductsTensor, {channels, channels}, mean.sums.products)};
  write_safetensors(out, tensors,
                    {{"format", "pt"},
                     {"convoy.version", kVersion},
                     {kMetaPreprocessing, to_json(mean.preprocessing).dump()}});
}

}  // namespace convoy
