// lrn of one pixel on a CPU, sixteen channels at a time: the neighbours of a channel come from the vectors
// before and after its own by shuffles, so that nothing goes through memory. lrn.h has the equations.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>

#include "kernels/lanes.h"
#include "kernels/lrn.h"

namespace convoy::cpu {

// How the channels of a pixel lie in runs of 16: in blocks of 16, or side by side.
struct LaneLayout {
  int runs = 0;
  std::int64_t run_step = 0;    // elements from a run to the next
  std::int64_t pixel_step = 0;  // from a pixel to the next
};
// Nothing where the channels do not lie in whole runs.
[[nodiscard]] inline std::optional<LaneLayout> lane_layout(const TensorShape& tensor) {
  if (tensor.block == kLanes) return LaneLayout{tensor.blocks(), tensor.pixels() * kLanes, kLanes};
  if (tensor.block % kLanes == 0 && tensor.blocks() == 1) {
    return LaneLayout{tensor.block / kLanes, kLanes, tensor.block};
  }
  return std::nullopt;
}

// Whether windows reach no further than the runs beside a channel's own.
[[nodiscard]] inline bool fits_lanes(const LrnShape& shape) {
  return shape.before() <= kLanes && shape.after() <= kLanes && lane_layout(shape.tensor);
}

// The values `offset` lanes on, from a and then b: 0 is a, 16 is b.
[[gnu::always_inline]] inline Lanes shifted(const Lanes& a, const Lanes& b, int offset) {
  constexpr WordVector kCount{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return {__builtin_shuffle(a.v, b.v, kCount + static_cast<std::uint32_t>(offset))};
}

// Sums over the window of each lane of `own`: so many channels before it, and after it.
[[gnu::always_inline]] inline Lanes window_sums(const Lanes& previous, const Lanes& own, const Lanes& next,
                                                int before, int after) {
  Lanes sum = own;
#pragma GCC unroll 4
  for (int i = 1; i <= before; ++i) sum = sum + shifted(previous, own, kLanes - i);
#pragma GCC unroll 4
  for (int i = 1; i <= after; ++i) sum = sum + shifted(own, next, i);
  return sum;
}

// s^-1/4 of positive s to within 2 units of the last place, without square roots and divisions: a guess from
// the exponent, minus a quarter of it, then three of Newton's steps for y^-4 = s, each of which squares the
// error.
[[gnu::always_inline]] inline Lanes inverse_fourth_root(const Lanes& s) {
  constexpr std::uint32_t kGuess =
      0x4F586000U;  // 5/4 of the exponent of 1, less what balances the guess's error
  Lanes y{std::bit_cast<FloatVector>(kGuess - (std::bit_cast<WordVector>(s.v) >> 2))};
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
    const FloatVector square = y.v * y.v;
    y.v += y.v * (0.25F - 0.25F * s.v * square * square);
  }
  return y;
}

// Of s = k + scale * sum: s^-beta and 1 / s.
struct LrnPowers {
  Lanes power;
  Lanes inverse;
};
[[gnu::always_inline]] inline LrnPowers lrn_powers(const LrnShape& shape, const Lanes& sum) {
  const Lanes s{shape.k + shape.scale * sum.v};
  if (shape.beta == 0.75F) {
    const Lanes root = inverse_fourth_root(s);
    const Lanes square = root * root;
    return {square * root, square * square};
  }
  std::array<float, kLanes> values;
  store(s, values.data());
  for (float& value : values) value = std::pow(value, -shape.beta);
  return {load(values.data()), {1.0F / s.v}};
}

// emit(run, y) for the runs of the pixel at x. kSize: the shape's size, where that is known when this is
// compiled; else 0.
template <int kSize, typename T, typename Emit>
[[gnu::always_inline]] inline void lrn_pixel(const LrnShape& shape, const LaneLayout& layout, const T* x,
                                             Emit&& emit) {
  const int before = kSize == 0 ? shape.before() : kSize / 2;
  const int after = kSize == 0 ? shape.after() : kSize - 1 - kSize / 2;
  Lanes previous_square;
  Lanes value = load(x);
  Lanes square = value * value;
  for (int run = 0; run < layout.runs; ++run) {
    const Lanes next = run + 1 < layout.runs ? load(x + (run + 1) * layout.run_step) : Lanes();
    const Lanes next_square = next * next;
    emit(run,
         value * lrn_powers(shape, window_sums(previous_square, square, next_square, before, after)).power);
    previous_square = square;
    square = next_square;
    value = next;
  }
}

// emit(run, dx) for the runs of the pixel at x; gradient(run) is its dy. relu_input: as lrn_backward.
template <int kSize, typename T, typename Gradient, typename Emit>
[[gnu::always_inline]] inline void lrn_pixel_backward(const LrnShape& shape, const LaneLayout& layout,
                                                      const T* x, bool relu_input, Gradient&& gradient,
                                                      Emit&& emit) {
  const int before = kSize == 0 ? shape.before() : kSize / 2;
  const int after = kSize == 0 ? shape.after() : kSize - 1 - kSize / 2;
  const float factor = 2.0F * shape.scale * shape.beta;
  struct Run {
    Lanes value;
    Lanes direct;  // dy * s^-beta
    Lanes term;    // of the sums over windows
  };
  Lanes previous_square;
  Lanes value = load(x);
  Lanes square = value * value;
  // The runs in turn: each needs the squares of the next.
  const auto take = [&](int run) {
    const Lanes next = run + 1 < layout.runs ? load(x + (run + 1) * layout.run_step) : Lanes();
    const Lanes next_square = next * next;
    const LrnPowers powers =
        lrn_powers(shape, window_sums(previous_square, square, next_square, before, after));
    const Lanes direct = gradient(run) * powers.power;
    const Run taken{value, direct, direct * value * powers.inverse};
    previous_square = square;
    square = next_square;
    value = next;
    return taken;
  };
  Run previous;
  Run own = take(0);
  for (int run = 0; run < layout.runs; ++run) {
    const Run next = run + 1 < layout.runs ? take(run + 1) : Run();
    // The windows that hold a channel reach `after` back and `before` ahead.
    const Lanes sum = window_sums(previous.term, own.term, next.term, after, before);
    const Lanes dx{own.direct.v - factor * own.value.v * sum.v};
    emit(run, relu_input ? relu_backward(own.value, dx) : dx);
    previous = own;
    own = next;
  }
}

// body(std::integral_constant of the window's size), 0 for sizes that have no code of their own.
template <typename Body>
void with_lrn_size(int size, Body&& body) {
  switch (size) {
    case 5:
      return body(std::integral_constant<int, 5>());
    case 3:
      return body(std::integral_constant<int, 3>());
    default:
      return body(std::integral_constant<int, 0>());
  }
}

}  // namespace convoy::cpu
