// The one-dimensional transforms of Winograd's minimal filtering: F(4,3) on the six points 0, 1, -1, 2, -2
// and infinity, and F(4,5) on these and 1/2, -1/2. Two-dimensional transforms apply them to the columns, then
// to the rows.
//   Y = A^T [ (G g) * (B^T d) ],   * elementwise
// (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, sections 4.1 and 4.3: the
// construction, and the matrices of F(4,3).) The row of G for a point p holds the powers of p times p's
// factor, which is given below; row i of A^T holds the i-th powers of the points. Infinity picks the last
// element. B^T follows from the points.
//
// kKernel: width of the filter, 3 or 5; a tile has 4 outputs a side. The adjoints (A y, G^T u) turn the
// gradients of the outputs into the gradient of the filter. Value: a float, a double, or a vector of either.
#pragma once

#include <array>
#include <cstddef>

namespace convoy::winograd {

inline constexpr int kOutputs = 4;  // of a tile, per side

// Elements per side of an input tile, and of a transformed tile.
template <int kKernel>
inline constexpr int kPoints = kOutputs + kKernel - 1;

template <int kKernel, typename Value>
using Points = std::array<Value, kPoints<kKernel>>;

// Pairs of finite points +-p other than zero.
template <int kKernel>
inline constexpr int kPairs = (kPoints<kKernel> - 2) / 2;
inline constexpr std::array<float, 3> kPairPoints{1.0F, 2.0F, 0.5F};

// Factors of the rows of G: for the point zero, and for each pair.
template <int kKernel>
inline constexpr float kZeroFactor = kKernel == 3 ? 0.25F : 1.0F;
template <int kKernel>
inline constexpr std::array<float, 3> kPairFactors =
    kKernel == 3 ? std::array<float, 3>{-1.0F / 6.0F, 1.0F / 24.0F, 0.0F}
                 : std::array<float, 3>{-2.0F / 9.0F, 1.0F / 90.0F, 32.0F / 45.0F};

[[gnu::always_inline]] constexpr float power(float base, std::size_t exponent) {
  float result = 1.0F;
  for (std::size_t i = 0; i < exponent; ++i) result *= base;
  return result;
}

// B^T d.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline Points<kKernel, Value> transform_input(const Points<kKernel, Value>& d) {
  if constexpr (kKernel == 3) {
    const Value near_even = d[4] - 4.0F * d[2];
    const Value near_odd = d[3] - 4.0F * d[1];
    const Value far_even = d[4] - d[2];
    const Value far_odd = 2.0F * (d[3] - d[1]);
    return {4.0F * d[0] - 5.0F * d[2] + d[4],
            near_even + near_odd,
            near_even - near_odd,
            far_even + far_odd,
            far_even - far_odd,
            4.0F * d[1] - 5.0F * d[3] + d[5]};
  } else {
    const Value one_even = d[2] + d[6] - 4.25F * d[4];
    const Value one_odd = d[1] + d[5] - 4.25F * d[3];
    const Value two_even = 0.25F * d[2] - 1.25F * d[4] + d[6];
    const Value two_odd = 0.5F * d[1] - 2.5F * d[3] + 2.0F * d[5];
    const Value half_even = 4.0F * d[2] - 5.0F * d[4] + d[6];
    const Value half_odd = 2.0F * d[1] - 2.5F * d[3] + 0.5F * d[5];
    return {d[0] - d[6] + 5.25F * (d[4] - d[2]),
            one_even + one_odd,
            one_even - one_odd,
            two_even + two_odd,
            two_even - two_odd,
            half_even + half_odd,
            half_even - half_odd,
            d[7] - d[1] + 5.25F * (d[3] - d[5])};
  }
}

// The values at the points of the polynomial with these coefficients.
template <int kKernel, std::size_t kCount, typename Value>
[[gnu::always_inline]] inline Points<kKernel, Value> evaluate(const std::array<Value, kCount>& coefficients) {
  Points<kKernel, Value> values;
  values.front() = coefficients.front();
  for (std::size_t j = 0; j < kPairs<kKernel>; ++j) {
    Value even = coefficients[0];
    for (std::size_t i = 2; i < kCount; i += 2) even = even + power(kPairPoints[j], i) * coefficients[i];
    Value odd = kPairPoints[j] * coefficients[1];
    for (std::size_t i = 3; i < kCount; i += 2) odd = odd + power(kPairPoints[j], i) * coefficients[i];
    values[2 * j + 1] = even + odd;
    values[2 * j + 2] = even - odd;
  }
  values.back() = coefficients.back();
  return values;
}
// The adjoint of evaluate, applied to the values times their points' factors.
template <int kKernel, std::size_t kCount, typename Value>
[[gnu::always_inline]] inline std::array<Value, kCount> collect(const Points<kKernel, Value>& values,
                                                                float zero_factor,
                                                                const std::array<float, 3>& pair_factors) {
  std::array<Value, kPairs<kKernel>> sums;
  std::array<Value, kPairs<kKernel>> differences;
  for (std::size_t j = 0; j < kPairs<kKernel>; ++j) {
    sums[j] = pair_factors[j] * (values[2 * j + 1] + values[2 * j + 2]);
    differences[j] = pair_factors[j] * (values[2 * j + 1] - values[2 * j + 2]);
  }
  std::array<Value, kCount> result;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto& parts = i % 2 == 0 ? sums : differences;
    result[i] = parts[0];
    for (std::size_t j = 1; j < kPairs<kKernel>; ++j) {
      result[i] = result[i] + power(kPairPoints[j], i) * parts[j];
    }
  }
  result.front() = result.front() + zero_factor * values.front();
  result.back() = result.back() + values.back();
  return result;
}

// G g.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline Points<kKernel, Value> transform_filter(const std::array<Value, kKernel>& g) {
  Points<kKernel, Value> values = evaluate<kKernel>(g);
  values.front() = kZeroFactor<kKernel> * values.front();
  for (std::size_t j = 0; j < kPairs<kKernel>; ++j) {
    values[2 * j + 1] = kPairFactors<kKernel>[j] * values[2 * j + 1];
    values[2 * j + 2] = kPairFactors<kKernel>[j] * values[2 * j + 2];
  }
  return values;
}
// A^T m.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline std::array<Value, kOutputs> transform_output(const Points<kKernel, Value>& m) {
  return collect<kKernel, kOutputs>(m, 1.0F, {1.0F, 1.0F, 1.0F});
}
// A y, the adjoint of transform_output.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline Points<kKernel, Value> spread_output(const std::array<Value, kOutputs>& y) {
  return evaluate<kKernel>(y);
}
// G^T u, the adjoint of transform_filter.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline std::array<Value, kKernel> gather_filter(const Points<kKernel, Value>& u) {
  return collect<kKernel, kKernel>(u, kZeroFactor<kKernel>, kPairFactors<kKernel>);
}

}  // namespace convoy::winograd
