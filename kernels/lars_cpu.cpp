#include <algorithm>
#include <array>
#include <numeric>

#include "kernels/lars.h"

namespace convoy::cpu {
namespace {

// A tensor is summed in as many parts, on however many threads.
constexpr std::int64_t kParts = 256;
// Smaller ones are not worth waking threads for.
constexpr std::int64_t kLeastForThreads = 1 << 16;

double square(float value) { return double{value} * double{value}; }

// Four streams, so that additions do not wait for one another.
double sum_of_part(std::int64_t count, const float* x) {
  const std::int64_t quarter = count / 4;
  double first = 0.0;
  double second = 0.0;
  double third = 0.0;
  double fourth = 0.0;
#pragma omp simd reduction(+ : first, second, third, fourth)
  for (std::int64_t i = 0; i < quarter; ++i) {
    first += square(x[i]);
    second += square(x[quarter + i]);
    third += square(x[2 * quarter + i]);
    fourth += square(x[3 * quarter + i]);
  }
  for (std::int64_t i = 4 * quarter; i < count; ++i) first += square(x[i]);
  return (first + second) + (third + fourth);
}

}  // namespace

double sum_of_squares(std::int64_t count, const float* x) {
  const std::int64_t each = (count + kParts - 1) / kParts;
  std::array<double, kParts> sums{};
#pragma omp parallel for schedule(static) if (count >= kLeastForThreads)
  for (std::int64_t part = 0; part < kParts; ++part) {
    const std::int64_t first = std::min(part * each, count);
    sums[static_cast<std::size_t>(part)] = sum_of_part(std::min(each, count - first), x + first);
  }
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

SgdCoefficients lars_coefficients(const LarsRule& rule, std::int64_t count, const float* w, const float* g) {
  return convoy::lars_coefficients(rule, sum_of_squares(count, w), sum_of_squares(count, g));
}

}  // namespace convoy::cpu
