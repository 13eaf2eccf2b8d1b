// Samples side by side, as many as a processor works on at once, and what resampling does with them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#include "lib/base/lanes.h"

namespace convoy {

// Clamped to 0..255 and rounded to whole numbers, halves upwards.
inline void store_bytes(const Lanes& lanes, std::uint8_t* to) {
  using Whole = std::int32_t __attribute__((vector_size(Lanes::kCount * sizeof(std::int32_t))));
  using Halves = std::int16_t __attribute__((vector_size(Lanes::kCount * sizeof(std::int16_t))));
  using Bytes = std::uint8_t __attribute__((vector_size(Lanes::kCount)));
  constexpr FloatVector kBlack{};
  constexpr FloatVector kWhite = kBlack + 255.0F;
  const FloatVector least = lanes.v < kBlack ? kBlack : lanes.v;
  const FloatVector limited = least > kWhite ? kWhite : least;
  // In halving steps, as every processor has them.
  const auto whole = __builtin_convertvector(limited + 0.5F, Whole);
  const Bytes bytes = __builtin_convertvector(__builtin_convertvector(whole, Halves), Bytes);
  std::memcpy(to, &bytes, sizeof bytes);
}

// Rows that are summed in one step.
inline constexpr std::size_t kMaxSummedRows = 8;

// into[i] = sum over k of weights[k] * rows[k][i], for i < length; added to into[i] if kAdd is set.
template <std::size_t kRows, bool kAdd>
inline void sum_weighted(const Lanes* const* rows, const float* weights, std::size_t length, Lanes* into) {
  // Copies, which no store into `into` can change.
  std::array<const Lanes*, kRows> from{};
  std::array<float, kRows> weight{};
  for (std::size_t k = 0; k < kRows; ++k) {
    from[k] = rows[k];
    weight[k] = weights[k];
  }
  for (std::size_t i = 0; i < length; ++i) {
    auto sum = kAdd ? into[i].v : from[0][i].v * weight[0];
    for (std::size_t k = kAdd ? 0 : 1; k < kRows; ++k) sum += from[k][i].v * weight[k];
    into[i].v = sum;
  }
}

// The same for a number of rows that is known only at run time, 1 to kMaxSummedRows.
template <bool kAdd>
inline void sum_weighted(std::size_t count, const Lanes* const* rows, const float* weights,
                         std::size_t length, Lanes* into) {
  using Sum = void (*)(const Lanes* const*, const float*, std::size_t, Lanes*);
  static constexpr std::array<Sum, kMaxSummedRows> kSums = {
      sum_weighted<1, kAdd>, sum_weighted<2, kAdd>, sum_weighted<3, kAdd>, sum_weighted<4, kAdd>,
      sum_weighted<5, kAdd>, sum_weighted<6, kAdd>, sum_weighted<7, kAdd>, sum_weighted<8, kAdd>};
  kSums.at(count - 1)(rows, weights, length, into);
}

namespace detail {

// The values of `a` and `b` in turn, from value kFirst of each on.
template <std::size_t kFirst, std::size_t... i>
inline Lanes deal(const Lanes& a, const Lanes& b, std::index_sequence<i...> /*places*/) {
  return {__builtin_shufflevector(a.v, b.v, (kFirst + i / 2 + (i % 2) * Lanes::kCount)...)};
}

// Every stride-th of kCount places.
template <std::size_t... i>
inline std::array<Lanes, Lanes::kCount> every(std::size_t stride, const Lanes* from,
                                              std::index_sequence<i...> /*places*/) {
  return {from[i * stride]...};
}

}  // namespace detail

// Lanes::kCount rows of as many samples, `stride` apart, become columns. Each step interleaves the first half
// of the rows with the second; log2(kCount) steps transpose them.
inline void transpose(const Lanes* from, std::size_t from_stride, Lanes* to, std::size_t to_stride) {
  constexpr std::size_t kHalf = Lanes::kCount / 2;
  constexpr std::make_index_sequence<Lanes::kCount> kPlaces;
  std::array<Lanes, Lanes::kCount> now = detail::every(from_stride, from, kPlaces);
  for (std::size_t done = 1; done < Lanes::kCount; done *= 2) {
    const std::array<Lanes, Lanes::kCount> before = now;
    for (std::size_t i = 0; i < kHalf; ++i) {
      now[2 * i] = detail::deal<0>(before[i], before[i + kHalf], kPlaces);
      now[2 * i + 1] = detail::deal<kHalf>(before[i], before[i + kHalf], kPlaces);
    }
  }
  for (std::size_t i = 0; i < Lanes::kCount; ++i) to[i * to_stride] = now[i];
}

}  // namespace convoy
