// Lanes of a convolutional net: the channels of a block at one pixel, in memory as floats or bfloat16. oneDNN
// chooses blocks of kLanes channels if the program is compiled for the processor that it runs on.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include <bit>
#include <cstdint>
#include <cstring>

#include "lib/base/bf16.h"
#include "lib/base/lanes.h"

namespace convoy::cpu {

using WordVector = std::uint32_t __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
using ByteVector = std::uint8_t __attribute__((vector_size(kLanes)));
using HalfVector = std::uint16_t __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));

[[gnu::always_inline]] inline Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes.v, from, sizeof lanes.v);
  return lanes;
}
[[gnu::always_inline]] inline Lanes load(const Bf16* from) {
  HalfVector halves;
  std::memcpy(&halves, from, sizeof halves);
  return {std::bit_cast<FloatVector>(__builtin_convertvector(halves, WordVector) << 16)};
}

// By way of 16 bits: GCC 12 converts to four times the width, or to a quarter of it, element by element.
[[gnu::always_inline]] inline WordVector words_of(const ByteVector& bytes) {
  return __builtin_convertvector(__builtin_convertvector(bytes, HalfVector), WordVector);
}
[[gnu::always_inline]] inline ByteVector low_bytes_of(const WordVector& words) {
  return __builtin_convertvector(__builtin_convertvector(words, HalfVector), ByteVector);
}

[[gnu::always_inline]] inline void store(const Lanes& lanes, float* to) {
  std::memcpy(to, &lanes.v, sizeof lanes.v);
}
// Rounds as from_float<Bf16> does; processors with an instruction for it make zeros of subnormal numbers.
[[gnu::always_inline]] inline void store(const Lanes& lanes, Bf16* to) {
#if defined(__AVX512BF16__)
  const auto halves = std::bit_cast<HalfVector>(_mm512_cvtneps_pbh(lanes.v));
#else
  const auto bits = std::bit_cast<WordVector>(lanes.v);
  const WordVector rounded = (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
  const WordVector quiet = (bits >> 16) | 0x40U;
  const WordVector chosen = lanes.v == lanes.v ? rounded : quiet;
  const HalfVector halves = __builtin_convertvector(chosen, HalfVector);
#endif
  std::memcpy(static_cast<void*>(to), &halves, sizeof halves);
}

// As relu.h: a NaN stays a NaN.
[[gnu::always_inline]] inline Lanes relu(const Lanes& x) { return {x.v <= 0.0F ? Lanes().v : x.v}; }
[[gnu::always_inline]] inline Lanes relu_backward(const Lanes& y, const Lanes& dy) {
  return {y.v > 0.0F ? dy.v : Lanes().v};
}

}  // namespace convoy::cpu
