#include "kernels/conv.h"
#include "kernels/onednn_product.h"
#include "kernels/winograd.h"

namespace convoy::cpu {

std::unique_ptr<Product> make_conv(const ConvShape& s, const ProductOptions& options) {
  if (winograd_serves(s, options)) return make_winograd(s, options);
  OnednnProblem problem;
  problem.window = OnednnWindow{{s.stride, s.stride}, {s.pad_top, s.pad_left}, {s.pad_bottom, s.pad_right}};
  problem.src = {s.images, s.channels, s.height, s.width, options.src_block.value_or(1)};
  problem.src_given = options.src_block.has_value();
  problem.dst = {s.images, s.filters, s.out_height(), s.out_width(), 1};
  problem.src_dims = {s.images, s.channels, s.height, s.width};
  problem.dst_dims = {s.images, s.filters, s.out_height(), s.out_width()};
  problem.weights_dims = {s.filters, s.channels, s.kernel_height, s.kernel_width};
  if (s.groups > 1) {
    problem.weights_dims = {s.groups, s.filters / s.groups, s.channels / s.groups, s.kernel_height,
                            s.kernel_width};
  }
  return make_onednn_product(problem, options);
}

}  // namespace convoy::cpu
