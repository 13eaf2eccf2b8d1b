// lrn of one pixel on a CPU, kLanes channels at a time: shuffles take a channel's neighbours from the vectors
// before and after its own, so that nothing goes through memory. lrn.h has the equations.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "kernels/lanes.h"
#include "kernels/lrn.h"

namespace convoy::cpu {

// How a pixel's channels lie in runs of kLanes: in blocks of kLanes, or all of them adjacent.
struct LaneLayout {
  int runs = 0;
  std::int64_t run_step = 0;    // elements from one run to the next
  std::int64_t pixel_step = 0;  // from one pixel to the next
  int group_runs = 0;           // runs of a group of channels, if these are whole runs
};
// Empty if the channels do not lie in whole runs.
[[nodiscard]] inline std::optional<LaneLayout> lane_layout(const TensorShape& tensor) {
  if (tensor.block == kLanes) {
    return LaneLayout{tensor.blocks(), tensor.pixels() * kLanes, kLanes, tensor.blocks()};
  }
  if (tensor.block % kLanes == 0 && tensor.blocks() == 1) {
    return LaneLayout{tensor.block / kLanes, kLanes, tensor.block, tensor.block / kLanes};
  }
  return std::nullopt;
}
// Empty also if the channels of a group do not lie in whole runs.
[[nodiscard]] inline std::optional<LaneLayout> lane_layout(const LrnShape& shape) {
  std::optional<LaneLayout> layout = lane_layout(shape.tensor);
  if (layout && shape.groups > 1) {
    if (shape.group_channels() % kLanes != 0) return std::nullopt;
    layout->group_runs = shape.group_channels() / kLanes;
  }
  return layout;
}

// Whether there is code for windows of this size, and the channels lie in whole runs.
[[nodiscard]] inline bool fits_lanes(const LrnShape& shape) {
  return (shape.size == 3 || shape.size == 5) && lane_layout(shape);
}

// The kLanes values that begin kOffset lanes into a followed by b: offset 0 is a, offset kLanes is b.
template <int kOffset>
[[gnu::always_inline]] inline Lanes shifted(const Lanes& a, const Lanes& b) {
  return [&]<int... kLane>(std::integer_sequence<int, kLane...>) {
    return Lanes{__builtin_shufflevector(a.v, b.v, (kOffset + kLane)...)};
  }
  (std::make_integer_sequence<int, kLanes>());
}

// For each lane of `own`, the sum over its window, which reaches kReach channels (1 or 2) to each side.
template <int kReach>
[[gnu::always_inline]] inline Lanes window_sums(const Lanes& previous, const Lanes& own, const Lanes& next) {
  const Lanes sum = own + (shifted<kLanes - 1>(previous, own) + shifted<1>(own, next));
  if constexpr (kReach == 1) return sum;
  return sum + (shifted<kLanes - 2>(previous, own) + shifted<2>(own, next));
}

// s^-1/4 of positive s to within 2 units in the last place, without square roots and divisions: a first
// guess by subtracting a quarter of the exponent, then three Newton steps for y^-4 = s, each of which
// squares the error.
[[gnu::always_inline]] inline Lanes inverse_fourth_root(const Lanes& s) {
  // 5/4 of the exponent of 1, minus a correction that balances the error of the guess.
  constexpr std::uint32_t kGuess = 0x4F586000U;
  Lanes y{std::bit_cast<FloatVector>(kGuess - (std::bit_cast<WordVector>(s.v) >> 2))};
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
    const FloatVector square = y.v * y.v;
    y.v += y.v * (0.25F - 0.25F * s.v * square * square);
  }
  return y;
}

// s^-beta and 1 / s of s = k + scale * sum. Shape: LrnShape or LrnMapShape.
struct LrnPowers {
  Lanes power;
  Lanes inverse;
};
template <typename Shape>
[[gnu::always_inline]] inline LrnPowers lrn_powers(const Shape& shape, const Lanes& sum) {
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

// Calls emit(run, y) for the runs of the pixel at x. kReach is half of the window's size, an odd number,
// rounded down.
template <int kReach, typename T, typename Emit>
[[gnu::always_inline]] inline void lrn_pixel(const LrnShape& shape, const LaneLayout& layout, const T* x,
                                             Emit&& emit) {
  for (int first = 0; first < layout.runs; first += layout.group_runs) {
    const int end = first + layout.group_runs;
    Lanes previous_square;
    Lanes value = load(x + first * layout.run_step);
    Lanes square = value * value;
    for (int run = first; run < end; ++run) {
      const Lanes next = run + 1 < end ? load(x + (run + 1) * layout.run_step) : Lanes();
      const Lanes next_square = next * next;
      emit(run, value * lrn_powers(shape, window_sums<kReach>(previous_square, square, next_square)).power);
      previous_square = square;
      square = next_square;
      value = next;
    }
  }
}

// Calls emit(run, dx) for the runs of the pixel at x; gradient(run) is its dy. relu_input is as
// in lrn_backward.
template <int kReach, typename T, typename Gradient, typename Emit>
[[gnu::always_inline]] inline void lrn_pixel_backward(const LrnShape& shape, const LaneLayout& layout,
                                                      const T* x, bool relu_input, Gradient&& gradient,
                                                      Emit&& emit) {
  const float factor = 2.0F * shape.scale * shape.beta;
  struct Run {
    Lanes value;
    Lanes direct;  // dy * s^-beta
    Lanes term;    // dy * x * s^-(beta + 1), which the windows sum
  };
  for (int first = 0; first < layout.runs; first += layout.group_runs) {
    const int end = first + layout.group_runs;
    Lanes previous_square;
    Lanes value = load(x + first * layout.run_step);
    Lanes square = value * value;
    // Computes the runs in order, because each needs the squares of the next.
    const auto take = [&](int run) {
      const Lanes next = run + 1 < end ? load(x + (run + 1) * layout.run_step) : Lanes();
      const Lanes next_square = next * next;
      const LrnPowers powers = lrn_powers(shape, window_sums<kReach>(previous_square, square, next_square));
      const Lanes direct = gradient(run) * powers.power;
      const Run taken{value, direct, direct * value * powers.inverse};
      previous_square = square;
      square = next_square;
      value = next;
      return taken;
    };
    Run previous;
    Run own = take(first);
    for (int run = first; run < end; ++run) {
      const Run next = run + 1 < end ? take(run + 1) : Run();
      const Lanes sum = window_sums<kReach>(previous.term, own.term, next.term);
      const Lanes dx{own.direct.v - factor * own.value.v * sum.v};
      emit(run, relu_input ? relu_backward(own.value, dx) : dx);
      previous = own;
      own = next;
    }
  }
}

// Calls body(std::integral_constant of the window's reach). The shape must fit lanes (fits_lanes).
template <typename Body>
void with_lrn_reach(const LrnShape& shape, Body&& body) {
  if (shape.size == 3) return body(std::integral_constant<int, 1>());
  body(std::integral_constant<int, 2>());
}

}  // namespace convoy::cpu
