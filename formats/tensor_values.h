// The values of a tensor of any type as numbers, and IEEE 754 binary16; lib/base/bf16.h has bfloat16.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "formats/safetensors.h"

namespace convoy {

// IEEE 754 binary16. To it: rounds to nearest, ties to even; what is too large becomes infinite, and a NaN
// stays one.
[[nodiscard]] float float_from_f16(std::uint16_t bits);
[[nodiscard]] std::uint16_t f16_from_float(float value);

// Whether the type's values are numbers on a line: all but C64.
[[nodiscard]] bool is_real(DType type);
// Whether the type has values that are infinite or not a number.
[[nodiscard]] bool is_floating(DType type);

// Copies the values from number `first` on. The type is_real(), and there are that many values. Integers
// beyond 2^53 are rounded to the nearest double.
void copy_values(const TensorView& tensor, std::uint64_t first, std::span<double> into);

// Whether float_values() takes the type: F32, F16, BF16 or F64.
[[nodiscard]] bool becomes_float(DType type);
// All values of a tensor of such a type, each rounded once, to the nearest float. Throws
// Error(place, ...) naming the tensor for any other type.
[[nodiscard]] std::vector<float> float_values(const TensorView& tensor, std::string_view place);

}  // namespace convoy
