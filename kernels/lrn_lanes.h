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

  // Element of a run of a pixel, from the first of pixel 0.
  [[nodiscard, gnu::always_inline]] std::int64_t at(std::size_t pixel, int run) const {
    return static_cast<std::int64_t>(pixel) * pixel_step + run * run_step;
  }
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

// Loads, and asks for the same run of a later pixel, because the runs of a pixel are too far from one another
// for the processor to foresee their addresses.
template <typename T>
[[gnu::always_inline]] inline Lanes load_ahead(const LaneLayout& layout, const T* from) {
  constexpr std::int64_t kPixels = 16;
  __builtin_prefetch(from + kPixels * layout.pixel_step);
  return load(from);
}

// For each lane of `own`, the sum over its window, which reaches kReach channels (1 or 2) to each side.
template <int kReach>
[[gnu::always_inline]] inline Lanes window_sums(const Lanes& previous, const Lanes& own, const Lanes& next) {
  const Lanes sum = own + (shifted<kLanes - 1>(previous, own) + shifted<1>(own, next));
  if constexpr (kReach == 1) return sum;
  return sum + (shifted<kLanes - 2>(previous, own) + shifted<2>(own, next));
}

// Vectors that are worked on at once. Most operations of lrn wait for the one before, so those of several
// vectors are put beside one another in the program. More than two need more memory streams and registers
// than they are worth.
template <std::size_t kVectors>
using LanesOf = std::array<Lanes, kVectors>;
inline constexpr std::size_t kLrnTogether = 2;

// s^-1/4 of positive s to within 2 units in the last place, without square roots and divisions: a first
// guess by subtracting a quarter of the exponent, then three Newton steps for y^-4 = s, each of which
// squares the error.
template <std::size_t kVectors>
[[gnu::always_inline]] inline LanesOf<kVectors> inverse_fourth_roots(const LanesOf<kVectors>& s) {
  // 5/4 of the exponent of 1, minus a correction that balances the error of the guess.
  constexpr std::uint32_t kGuess = 0x4F586000U;
  LanesOf<kVectors> y;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kVectors; ++i) {
    y[i] = {std::bit_cast<FloatVector>(kGuess - (std::bit_cast<WordVector>(s[i].v) >> 2))};
  }
#pragma GCC unroll 3
  for (int step = 0; step < 3; ++step) {
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) {
      const FloatVector square = y[i].v * y[i].v;
      y[i].v += y[i].v * (0.25F - 0.25F * s[i].v * square * square);
    }
  }
  return y;
}

// s^-beta and 1 / s of s = k + scale * sum. Shape: LrnShape or LrnMapShape.
template <std::size_t kVectors>
struct LrnPowers {
  LanesOf<kVectors> power;
  LanesOf<kVectors> inverse;
};
template <typename Shape, std::size_t kVectors>
[[gnu::always_inline]] inline LrnPowers<kVectors> lrn_powers(const Shape& shape,
                                                             const LanesOf<kVectors>& sums) {
  LanesOf<kVectors> s;
#pragma GCC unroll 8
  for (std::size_t i = 0; i < kVectors; ++i) s[i].v = shape.k + shape.scale * sums[i].v;
  LrnPowers<kVectors> result;
  if (shape.beta == 0.75F) {
    const LanesOf<kVectors> roots = inverse_fourth_roots(s);
#pragma GCC unroll 8
    for (std::size_t i = 0; i < kVectors; ++i) {
      const Lanes square = roots[i] * roots[i];
      result.power[i] = square * roots[i];
      result.inverse[i] = square * square;
    }
    return result;
  }
  for (std::size_t i = 0; i < kVectors; ++i) {
    std::array<float, kLanes> values;
    store(s[i], values.data());
    for (float& value : values) value = std::pow(value, -shape.beta);
    result.power[i] = load(values.data());
    result.inverse[i].v = 1.0F / s[i].v;
  }
  return result;
}

// Walks over the runs [first, end) of kPixels adjacent pixels, the first of which is at x, and sums the
// squares of each window on the way. kReach is half of the window's size, an odd number, rounded down.
template <int kReach, std::size_t kPixels, typename T>
class SquareWindows {
 public:
  [[gnu::always_inline]] SquareWindows(const LaneLayout& layout, const T* x, int first, int end)
      : layout_(layout), x_(x), end_(end) {
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kPixels; ++p) {
      next_[p] = load_ahead(layout_, x_ + layout_.at(p, first));
      next_square_[p] = next_[p] * next_[p];
    }
  }
  // Goes to the next run, which is `run`, and returns the sums of its windows.
  [[gnu::always_inline]] LanesOf<kPixels> take(int run) {
    LanesOf<kPixels> sums;
#pragma GCC unroll 8
    for (std::size_t p = 0; p < kPixels; ++p) {
      const Lanes previous_square = square_[p];
      value_[p] = next_[p];
      square_[p] = next_square_[p];
      next_[p] = run + 1 < end_ ? load_ahead(layout_, x_ + layout_.at(p, run + 1)) : Lanes();
      next_square_[p] = next_[p] * next_[p];
      sums[p] = window_sums<kReach>(previous_square, square_[p], next_square_[p]);
    }
    return sums;
  }
  // Of the run taken last.
  [[nodiscard, gnu::always_inline]] const Lanes& value(std::size_t pixel) const { return value_[pixel]; }

 private:
  LaneLayout layout_;
  const T* x_;
  int end_;
  LanesOf<kPixels> value_{};
  LanesOf<kPixels> square_{};
  LanesOf<kPixels> next_;
  LanesOf<kPixels> next_square_;
};

// Calls emit(pixel, run, y) for the runs of kPixels adjacent pixels, the first of which is at x.
template <int kReach, std::size_t kPixels, typename T, typename Emit>
[[gnu::always_inline]] inline void lrn_pixels(const LrnShape& shape, LaneLayout layout, const T* x,
                                              Emit emit) {
  for (int first = 0; first < layout.runs; first += layout.group_runs) {
    const int end = first + layout.group_runs;
    SquareWindows<kReach, kPixels, T> windows(layout, x, first, end);
    for (int run = first; run < end; ++run) {
      const LrnPowers<kPixels> powers = lrn_powers(shape, windows.take(run));
#pragma GCC unroll 8
      for (std::size_t p = 0; p < kPixels; ++p) emit(p, run, windows.value(p) * powers.power[p]);
    }
  }
}

// Calls emit(pixel, run, dx) for the runs of kPixels adjacent pixels, the first of which is at x;
// gradient(pixel, run) is their dy. relu_input is as in lrn_backward.
template <int kReach, std::size_t kPixels, typename T, typename Gradient, typename Emit>
[[gnu::always_inline]] inline void lrn_pixels_backward(const LrnShape& shape, LaneLayout layout, const T* x,
                                                       bool relu_input, Gradient gradient, Emit emit) {
  const float factor = 2.0F * shape.scale * shape.beta;
  struct Run {
    LanesOf<kPixels> value;
    LanesOf<kPixels> direct;  // dy * s^-beta
    LanesOf<kPixels> term;    // dy * x * s^-(beta + 1), which the windows sum
  };
  for (int first = 0; first < layout.runs; first += layout.group_runs) {
    const int end = first + layout.group_runs;
    SquareWindows<kReach, kPixels, T> windows(layout, x, first, end);
    const auto take = [&](int run) {
      const LrnPowers<kPixels> powers = lrn_powers(shape, windows.take(run));
      Run taken;
#pragma GCC unroll 8
      for (std::size_t p = 0; p < kPixels; ++p) {
        taken.value[p] = windows.value(p);
        taken.direct[p] = gradient(p, run) * powers.power[p];
        taken.term[p] = taken.direct[p] * windows.value(p) * powers.inverse[p];
      }
      return taken;
    };
    LanesOf<kPixels> previous_term{};
    Run own = take(first);
    for (int run = first; run < end; ++run) {
      const Run next = run + 1 < end ? take(run + 1) : Run();
#pragma GCC unroll 8
      for (std::size_t p = 0; p < kPixels; ++p) {
        const Lanes sum = window_sums<kReach>(previous_term[p], own.term[p], next.term[p]);
        const Lanes dx{own.direct[p].v - factor * own.value[p].v * sum.v};
        emit(p, run, relu_input ? relu_backward(own.value[p], dx) : dx);
        previous_term[p] = own.term[p];
      }
      own = next;
    }
  }
}

// Calls body(std::integral_constant of a number of pixels, first pixel) for pixels 0 to `count`, several at
// once as long as there are.
template <std::size_t kPixels, typename Body>
[[gnu::always_inline]] inline void for_pixels_together(int count, Body&& body) {
  constexpr int kStep = static_cast<int>(kPixels);
  int done = 0;
  for (; done + kStep <= count; done += kStep) body(std::integral_constant<std::size_t, kPixels>(), done);
  for (; done < count; ++done) body(std::integral_constant<std::size_t, 1>(), done);
}

// Calls body(std::integral_constant of the window's reach). The shape must fit lanes (fits_lanes).
template <typename Body>
void with_lrn_reach(const LrnShape& shape, Body&& body) {
  if (shape.size == 3) return body(std::integral_constant<int, 1>());
  body(std::integral_constant<int, 2>());
}

}  // namespace convoy::cpu
