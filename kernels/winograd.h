// Convolution by Winograd's minimal filtering: tiles of 4x4 outputs of 3x3 or 5x5 filters, which take 4 and
// 6.25 times fewer multiplications where the tiles are whole. The formula and its source are in
// winograd_transform.h; products over channels are oneDNN's. Activations are float or bf16, arithmetic and
// everything between is float: with bf16 activations it is faster than products in bf16 where a processor's
// bf16 vectors have twice the rate of its floats, and rounds less.
//
// Rounding: errors are larger than a direct sum's, by the growth of the transforms. With absolute values in
// the place of all numbers and coefficients, the same transforms give S; the error is within (C + 40) 2^-24
// S, C the terms of the products over channels. With AlexNet's conv2 and conv3, normal weights and inputs, it
// is 1 to 3 millionths of the results' size (root mean square) where a direct sum's is 0.2 to 0.6; rounding
// the activations to bf16 makes it some 1,000.
#pragma once

#include <memory>

#include "kernels/conv.h"

namespace convoy::cpu {

// Whether Winograd serves this convolution, and is worth while.
[[nodiscard]] bool winograd_serves(const ConvShape& shape, const ProductOptions& options);

// The convolution, its activations in blocks of kLanes channels. Throws dnnl::error where oneDNN fails.
[[nodiscard]] std::unique_ptr<Product> make_winograd(const ConvShape& shape, const ProductOptions& options);

}  // namespace convoy::cpu
