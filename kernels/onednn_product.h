// conv and fc on oneDNN: chooses layouts and implementations, and runs the passes on the caller's buffers.
#pragma once

#include <memory>

#include "kernels/onednn.h"
#include "kernels/product.h"

namespace convoy::cpu {

struct OnednnProblem {
  std::optional<OnednnWindow> window;  // of a convolution; nothing for an inner product
  TensorShape src;                     // the block counts only if src_given
  bool src_given = false;              // src has the producer's layout
  TensorShape dst;                     // oneDNN chooses the block
  dnnl::memory::dims src_dims;         // as oneDNN sees them: flat for an inner product
  dnnl::memory::dims weights_dims;
  dnnl::memory::dims dst_dims;
};

[[nodiscard]] std::unique_ptr<Product> make_onednn_product(const OnednnProblem& problem,
                                                           const ProductOptions& options);

}  // namespace convoy::cpu
