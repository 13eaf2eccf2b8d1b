// Convolution by Winograd's minimal filtering in float: tiles of 4x4 outputs of 3x3 filters, 2x2 of 5x5,
// which take 4 and 2.8 times fewer multiplications where the tiles are whole. The formula and its source are
// in winograd_transform.h; products over channels are oneDNN's.
//
// Rounding: errors are larger than a direct sum's, by the growth of the transforms. With absolute values in
// the place of all numbers and coefficients, the same transforms give S; the error is within (C + 40) 2^-24
// S, C the terms of the products over channels. In practice it is some 1e-6 of the largest output.
#pragma once

#include <memory>

#include "kernels/conv.h"

namespace convoy::cpu {

// Whether Winograd serves this convolution, and is worth while.
[[nodiscard]] bool winograd_serves(const ConvShape& shape, const ProductOptions& options);

// The convolution, its activations in blocks of 16 channels. Throws dnnl::error where oneDNN fails.
[[nodiscard]] std::unique_ptr<Product> make_winograd(const ConvShape& shape, const ProductOptions& options);

}  // namespace convoy::cpu
