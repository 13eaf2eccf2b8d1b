// conv: two-dimensional cross-correlation in groups, with padding on each of the four sides.
//   y[n][k][p][q] = bias[k] + sum over c, r, s of
//                   w[k][c][r][s] * x[n][g * C/G + c][p * stride - top + r][q * stride - left + s],
// where g = k / (K/G), and x is 0 outside of the image. P = (H + top + bottom - R) / stride + 1, rounded
// down; Q likewise.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/product.h"

namespace convoy {

struct ConvShape {
  int images = 0;
  int channels = 0;  // C, of x
  int height = 0;    // H
  int width = 0;     // W
  int filters = 0;   // K
  int kernel_height = 0;
  int kernel_width = 0;
  int stride = 1;
  int pad_top = 0;
  int pad_left = 0;
  int pad_bottom = 0;
  int pad_right = 0;
  int groups = 1;

  [[nodiscard]] constexpr int out_height() const {
    return (height + pad_top + pad_bottom - kernel_height) / stride + 1;
  }
  [[nodiscard]] constexpr int out_width() const {
    return (width + pad_left + pad_right - kernel_width) / stride + 1;
  }
  [[nodiscard]] constexpr std::int64_t weights() const {
    return std::int64_t{filters} * (channels / groups) * kernel_height * kernel_width;
  }
};

namespace cpu {

[[nodiscard]] std::unique_ptr<Product> make_conv(const ConvShape& shape, const ProductOptions& options);

}  // namespace cpu
}  // namespace convoy
