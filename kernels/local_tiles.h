// The inner products of kernels/local.h on a CPU: tiles of rows and vectors of columns, whose sums stay in
// registers. A depth is counted in words of 32 bits, each one float or two neighbouring bfloat16 values,
// which processors with an instruction for it multiply at twice the rate and add up in float.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "kernels/lanes.h"

namespace convoy::cpu {

// Two bfloat16 values; the first one is in the lower half.
using Bf16Pair = std::uint32_t __attribute__((may_alias));

#if defined(__AVX512BF16__)
inline constexpr bool kMultipliesBf16Pairs = true;
#else
inline constexpr bool kMultipliesBf16Pairs = false;
#endif

[[gnu::always_inline]] inline Lanes load_words(const float* from) { return load(from); }
[[gnu::always_inline]] inline WordVector load_words(const Bf16Pair* from) {
  WordVector words;
  std::memcpy(&words, from, sizeof words);
  return words;
}

// sum + a * b in each lane; pairs add two products.
[[gnu::always_inline]] inline void add_product(Lanes& sum, float a, const Lanes& b) { sum.v += a * b.v; }
#if defined(__AVX512BF16__)
[[gnu::always_inline]] inline void add_product(Lanes& sum, std::uint32_t a, const WordVector& b) {
  sum.v = _mm512_dpbf16_ps(sum.v, std::bit_cast<__m512bh>(WordVector{} + a), std::bit_cast<__m512bh>(b));
}
#endif

// Calls body(std::integral_constant<int, i>) for i = 0 ... kCount - 1: a loop without a counter, so that
// arrays that it indexes can stay in registers. For that the bodies must be inlined too.
template <int kCount, typename Body>
[[gnu::always_inline]] inline void unrolled(Body&& body) {
  [&]<int... kIndex>(std::integer_sequence<int, kIndex...>) __attribute__((always_inline)) {
    (body(std::integral_constant<int, kIndex>()), ...);
  }
  (std::make_integer_sequence<int, kCount>());
}

template <int kRows, int kVectors>
using TileSums = std::array<std::array<Lanes, kVectors>, kRows>;

// sums[i][v] += sum over d < depth of a[i * a_row + d * a_step] * b[d * b_step + v * kLanes ...].
template <int kRows, int kVectors, typename Word>
[[gnu::always_inline]] inline void add_products(const Word* a, std::int64_t a_row, std::int64_t a_step,
                                                const Word* b, std::int64_t b_step, std::int64_t depth,
                                                TileSums<kRows, kVectors>& sums) {
  for (std::int64_t d = 0; d < depth; ++d) {
    std::array<decltype(load_words(b)), kVectors> columns;
    unrolled<kVectors>([&](auto v)
                           __attribute__((always_inline)) { columns[v] = load_words(b + v * kLanes); });
    unrolled<kRows>([&](auto i) __attribute__((always_inline)) {
      const auto value = a[i * a_row];
      unrolled<kVectors>([&](auto v)
                             __attribute__((always_inline)) { add_product(sums[i][v], value, columns[v]); });
    });
    a += a_step;
    b += b_step;
  }
}

// One direction of a window: so many taps, and how far apart they are in both operands.
struct TapAxis {
  std::int64_t count = 1;
  std::int64_t a = 0;
  std::int64_t b = 0;
};

// The words of a group's channels at one pixel, which blocks cut into runs.
struct ChannelWords {
  std::int64_t count = 0;  // of all runs
  std::int64_t first = 0;  // where the first run begins in its block
  std::int64_t block = 0;  // words of a block at one pixel
  std::int64_t next = 0;   // from a block to the next one
};

// What a product sums up: taps in two directions, and channels at each.
struct WindowDepth {
  TapAxis rows;
  TapAxis columns;
  ChannelWords channels;
};

// The same sums over a window. a: the first tap's pixel, at the beginning of the first run's block.
template <int kRows, int kVectors, typename Word>
[[gnu::always_inline]] inline void add_window(const WindowDepth& depth, const Word* a, std::int64_t a_row,
                                              const Word* b, std::int64_t b_step,
                                              TileSums<kRows, kVectors>& sums) {
  for (std::int64_t r = 0; r < depth.rows.count; ++r) {
    for (std::int64_t s = 0; s < depth.columns.count; ++s) {
      const Word* block = a + r * depth.rows.a + s * depth.columns.a;
      const Word* weights = b + r * depth.rows.b + s * depth.columns.b;
      std::int64_t first = depth.channels.first;
      for (std::int64_t left = depth.channels.count; left > 0;) {
        const std::int64_t run = std::min(left, depth.channels.block - first);
        add_products<kRows, kVectors>(block + first, a_row, 1, weights, b_step, run, sums);
        weights += run * b_step;
        block += depth.channels.next;
        left -= run;
        first = 0;
      }
    }
  }
}

// The largest tile of rows: with two vectors of columns its sums fill most of the registers.
inline constexpr int kTileRows = kLanes == 16 ? 12 : 6;
inline constexpr int kTileVectors = 2;

// Cuts `rows` into tiles and calls body(first row, std::integral_constant<int, rows of the tile>).
// kMost: of a tile's rows.
template <int kMost, typename Body>
void for_each_row_tile(std::int64_t rows, Body&& body) {
  std::int64_t row = 0;
  const auto take = [&](auto size) {
    for (; rows - row >= size; row += size) body(row, size);
  };
  take(std::integral_constant<int, kMost>());
  if constexpr (kMost > 8) take(std::integral_constant<int, 8>());
  if constexpr (kMost > 4) take(std::integral_constant<int, 4>());
  if constexpr (kMost > 2) take(std::integral_constant<int, 2>());
  take(std::integral_constant<int, 1>());
}

// Square of 32-bit words: rows become columns.
using WordSquare = std::array<WordVector, kLanes>;
[[gnu::always_inline]] inline void transpose(WordSquare& square) {
  // Swaps the off-diagonal quarters of ever smaller squares.
  const auto swap = [&]<int kHalf>(std::integral_constant<int, kHalf>) __attribute__((always_inline)) {
    unrolled<kLanes>([&](auto row) __attribute__((always_inline)) {
      if constexpr ((row & kHalf) == 0) {
        const WordVector above = square[row];
        const WordVector below = square[row + kHalf];
        [&]<int... kLane>(std::integer_sequence<int, kLane...>) __attribute__((always_inline)) {
          square[row] = __builtin_shufflevector(above, below,
                                                ((kLane & kHalf) != 0 ? kLanes + kLane - kHalf : kLane)...);
          square[row + kHalf] = __builtin_shufflevector(
              above, below, ((kLane & kHalf) != 0 ? kLanes + kLane : kLane + kHalf)...);
        }
        (std::make_integer_sequence<int, kLanes>());
      }
    });
  };
  if constexpr (kLanes > 8) swap(std::integral_constant<int, 8>());
  swap(std::integral_constant<int, 4>());
  swap(std::integral_constant<int, 2>());
  swap(std::integral_constant<int, 1>());
}

}  // namespace convoy::cpu
