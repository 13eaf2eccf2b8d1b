// Convolution by Winograd's minimal filtering: tiles of 4x4 outputs of 3x3 or 5x5 filters, which take 4 and
// 6.25 times fewer multiplications if the tiles are whole. winograd_transform.h has the formula and its
// source; oneDNN multiplies over channels. Activations are float or bf16, arithmetic and intermediate values
// are float: with bf16 activations this rounds less than products in bf16, and is faster on processors whose
// bf16 vectors have only twice the rate of their floats.
//
// Rounding: errors are larger than those of a direct sum, because the transforms amplify them. With all
// numbers and coefficients replaced by their absolute values, the same transforms give S; the error is within
//   (C + 40) 2^-24 S,
// where C is the number of terms of the products over channels. With AlexNet's conv2 and conv3, normal
// weights and inputs, it is 1 to 3 millionths of the results' size (root mean square), where that of a direct
// sum is 0.2 to 0.6; rounding the activations to bf16 raises it to about 1,000.
#pragma once

#include <memory>

#include "kernels/conv.h"

namespace convoy::cpu {

// Whether Winograd can do this convolution, and is likely to be faster.
[[nodiscard]] bool winograd_serves(const ConvShape& shape, const ProductOptions& options);

// The convolution, its activations in blocks of kLanes channels. Throws dnnl::error if oneDNN fails.
[[nodiscard]] std::unique_ptr<Product> make_winograd(const ConvShape& shape, const ProductOptions& options);

}  // namespace convoy::cpu
