// As many floats as a vector register holds, worked on as one. A vector type of the compiler, so that
// arithmetic and shuffles need neither intrinsics nor luck.
#pragma once

#include <cstddef>

namespace convoy {

// GCC 12 takes operations on vectors that are wider than a register apart, element by element.
#if defined(__AVX512F__)
inline constexpr int kLanes = 16;
#else
inline constexpr int kLanes = 8;
#endif

using FloatVector = float __attribute__((vector_size(kLanes * sizeof(float))));

struct Lanes {
  static constexpr std::size_t kCount = kLanes;
  FloatVector v = {};
  friend Lanes operator+(const Lanes& a, const Lanes& b) { return {a.v + b.v}; }
  friend Lanes operator-(const Lanes& a, const Lanes& b) { return {a.v - b.v}; }
  friend Lanes operator*(const Lanes& a, const Lanes& b) { return {a.v * b.v}; }
  friend Lanes operator*(float a, const Lanes& b) { return {a * b.v}; }
};

}  // namespace convoy
