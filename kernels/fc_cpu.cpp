#include "kernels/fc.h"

#include "kernels/onednn_product.h"

namespace convoy::cpu {

// The inputs are taken flat, in their order in memory: four-dimensional inner products on blocked
// layouts want the weights in a different layout for each direction, and reordering fc6's takes longer
// than the product.
std::unique_ptr<Product> make_fc(const FcShape& shape, const ProductOptions& options) {
  OnednnProblem problem;
  problem.src = shape.in;
  problem.src_given = true;
  problem.dst = {shape.in.images, shape.outputs, 1, 1, 1};
  problem.src_dims = {shape.in.images, shape.in.image_elements()};
  problem.weights_dims = {shape.outputs, shape.in.image_elements()};
  problem.dst_dims = {shape.in.images, shape.outputs};
  return make_onednn_product(problem, options);
}

}  // namespace convoy::cpu
