// The one-dimensional transforms of Winograd's minimal filtering on six points, 0, 1, -1, 2, -2 and infinity:
// F(4,3) and F(2,5), which share the transform of the input. Two-dimensional ones apply these to the columns,
// then to the rows.
//   Y = A^T [ (G g) * (B^T d) ],   * elementwise
// (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2016, section 4.3: the matrices of
// F(4,3). Those of F(2,5) come from the same points by the construction given there: row p of G holds the
// powers of p times 1/4 at 0, -1/6 at 1 and -1, 1/24 at 2 and -2.)
//
// kKernel: width of the filter, 3 or 5; a tile has 7 - kKernel outputs a side. The adjoints (A y, G^T u) make
// the gradient of the filter from those of the outputs. Value: a float, a double, or a vector of them.
#pragma once

#include <array>
#include <cstddef>

namespace convoy::winograd {

inline constexpr int kPoints = 6;  // elements of a tile of the input, and of a transformed tile, a side

template <int kKernel>
inline constexpr int kOutputs = kPoints + 1 - kKernel;  // of a tile, a side

template <typename Value>
using Points = std::array<Value, kPoints>;

// B^T d.
template <typename Value>
[[gnu::always_inline]] inline Points<Value> transform_input(const Points<Value>& d) {
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
}

// G g.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline Points<Value> transform_filter(const std::array<Value, kKernel>& g) {
  Value near_even = g[0] + g[2];
  Value far_even = g[0] + 4.0F * g[2];
  Value near_odd = g[1];
  Value far_odd = 2.0F * g[1];
  if constexpr (kKernel == 5) {
    near_even = near_even + g[4];
    far_even = far_even + 16.0F * g[4];
    near_odd = near_odd + g[3];
    far_odd = far_odd + 8.0F * g[3];
  }
  constexpr float kNear = -1.0F / 6.0F;
  constexpr float kFar = 1.0F / 24.0F;
  return {0.25F * g[0],
          kNear * (near_even + near_odd),
          kNear * (near_even - near_odd),
          kFar * (far_even + far_odd),
          kFar * (far_even - far_odd),
          g[kKernel - 1]};
}

// A^T m.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline std::array<Value, kOutputs<kKernel>> transform_output(const Points<Value>& m) {
  const Value near_even = m[1] + m[2];
  const Value near_odd = m[1] - m[2];
  const Value far_even = m[3] + m[4];
  const Value far_odd = m[3] - m[4];
  if constexpr (kKernel == 5) {
    return {m[0] + near_even + far_even, near_odd + 2.0F * far_odd + m[5]};
  } else {
    return {m[0] + near_even + far_even, near_odd + 2.0F * far_odd, near_even + 4.0F * far_even,
            near_odd + 8.0F * far_odd + m[5]};
  }
}

// A y, the adjoint of transform_output.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline Points<Value> spread_output(const std::array<Value, kOutputs<kKernel>>& y) {
  if constexpr (kKernel == 5) {
    const Value far_odd = 2.0F * y[1];
    return {y[0], y[0] + y[1], y[0] - y[1], y[0] + far_odd, y[0] - far_odd, y[1]};
  } else {
    const Value near_even = y[0] + y[2];
    const Value near_odd = y[1] + y[3];
    const Value far_even = y[0] + 4.0F * y[2];
    const Value far_odd = 2.0F * y[1] + 8.0F * y[3];
    return {y[0], near_even + near_odd, near_even - near_odd, far_even + far_odd, far_even - far_odd, y[3]};
  }
}

// G^T u, the adjoint of transform_filter.
template <int kKernel, typename Value>
[[gnu::always_inline]] inline std::array<Value, kKernel> gather_filter(const Points<Value>& u) {
  constexpr float kNear = -1.0F / 6.0F;
  constexpr float kFar = 1.0F / 24.0F;
  const Value near_even = kNear * (u[1] + u[2]);
  const Value near_odd = kNear * (u[1] - u[2]);
  const Value far_even = kFar * (u[3] + u[4]);
  const Value far_odd = kFar * (u[3] - u[4]);
  if constexpr (kKernel == 5) {
    return {0.25F * u[0] + near_even + far_even, near_odd + 2.0F * far_odd, near_even + 4.0F * far_even,
            near_odd + 8.0F * far_odd, near_even + 16.0F * far_even + u[5]};
  } else {
    return {0.25F * u[0] + near_even + far_even, near_odd + 2.0F * far_odd,
            near_even + 4.0F * far_even + u[5]};
  }
}

}  // namespace convoy::winograd
