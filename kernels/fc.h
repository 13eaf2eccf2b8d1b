// fc: y[n][k] = bias[k] + sum over i of w[k][i] * x[n][i], where i counts an image's elements in C,H,W order,
// whatever the layout of x is.
//
// On a GPU the three products are those of kernels/cuda/gemm.h, on weights that the caller permutes to x's
// layout, and the gradient of the bias is that of kernels/column_sums.h.
#pragma once

#include <memory>

#include "kernels/product.h"

namespace convoy {

struct FcShape {
  TensorShape in;
  int outputs = 0;
};

namespace cpu {

// dst() is N x outputs x 1 x 1, the outputs of an image side by side. options.src_block is ignored: x is read
// as it lies, and the weights are permuted to fit.
[[nodiscard]] std::unique_ptr<Product> make_fc(const FcShape& shape, const ProductOptions& options);

}  // namespace cpu
}  // namespace convoy
