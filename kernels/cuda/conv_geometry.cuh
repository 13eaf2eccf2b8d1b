// The geometry of a convolution, as its CUDA kernels use it.
#pragma once

#include "kernels/conv.h"
#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "kernels/cuda/fast_div.cuh"

namespace convoy::cuda {

// Pitches are in elements. Group g begins at channel g * channels of a pixel of x, and at channel g * filters
// of a pixel of y.
struct ConvGeometry {
  explicit ConvGeometry(const ConvShape& shape)
      : images(shape.images),
        height(shape.height),
        width(shape.width),
        out_height(shape.out_height()),
        out_width(shape.out_width()),
        stride(shape.stride),
        top(shape.pad_top),
        left(shape.pad_left),
        kernel_height(shape.kernel_height),
        kernel_width(shape.kernel_width),
        groups(shape.groups),
        channels(shape.channels / shape.groups),
        filters(shape.filters / shape.groups),
        channel_pitch(filter_channels(shape)),
        x_pitch(padded_channels(shape.channels)),
        y_pitch(padded_channels(shape.filters)) {}

  [[nodiscard]] CONVOY_HOST_DEVICE int taps() const { return kernel_height * kernel_width; }
  [[nodiscard]] CONVOY_HOST_DEVICE int in_pixels() const { return images * height * width; }
  [[nodiscard]] CONVOY_HOST_DEVICE int out_pixels() const { return images * out_height * out_width; }
  // Whether every group's channels and filters, padding included, begin and end at multiples of 16 bytes in
  // bf16, so that they can be copied 16 bytes at a time.
  [[nodiscard]] bool aligned() const {
    return groups == 1 || (channels % kChannelAlignment == 0 && filters % kChannelAlignment == 0);
  }

  int images;
  int height;
  int width;
  int out_height;
  int out_width;
  int stride;
  int top;
  int left;
  int kernel_height;
  int kernel_width;
  int groups;
  int channels;       // of a group
  int filters;        // of a group
  int channel_pitch;  // from one tap of the weights to the next: filter_channels()
  int x_pitch;        // from one pixel of x to the next
  int y_pitch;
};

// Splits the index of a pixel in NHW order into image, row and column.
struct PixelDivision {
  PixelDivision() = default;
  PixelDivision(int height, int width) : by_image(height * width), by_row(width) {}
  __device__ __forceinline__ void split(int pixel, int& image, int& row, int& column) const {
    image = by_image.quotient(pixel);
    const int within = by_image.remainder(pixel, image);
    row = by_row.quotient(within);
    column = by_row.remainder(within, row);
  }
  FastDiv by_image;
  FastDiv by_row;
};

// One phase of the input gradient, along one axis: every stride-th pixel of x, beginning with `first`, which
// is less than the stride and the size. The windows of y read all these pixels with the same taps: tap
// first_tap + j * stride of window source + i - j reads pixel first + i * stride.
struct Phase {
  Phase(int first_pixel, int stride, int padding, int size, int kernel)
      : first(first_pixel),
        pixels((size - first + stride - 1) / stride),
        first_tap((first + padding) % stride),
        taps(first_tap < kernel ? (kernel - first_tap + stride - 1) / stride : 0),
        source((first + padding) / stride) {}
  int first;
  int pixels;
  int first_tap;
  int taps;
  int source;
};

// The plain kernels, in float, are in conv_plain_cuda.cu.
void plain_forward(const Stream& stream, const ConvGeometry& geometry, const float* x, const float* w,
                   const float* bias, float* y, bool relu);
void plain_input_gradient(const Stream& stream, const ConvGeometry& geometry, const float* dy, const float* w,
                          const float* relu_output, float* dx);
// Where the sums over parts of the pixels go: the first part's weights and bias, and the number of elements
// from there to the next part's.
struct ConvParts {
  float* weights;
  float* bias;
  std::int64_t step;
};
// Each part sums `per_part` pixels, the last one perhaps fewer.
void plain_weight_gradient(const Stream& stream, const ConvGeometry& geometry, int part_count, int per_part,
                           const float* x, const float* dy, const ConvParts& parts);

}  // namespace convoy::cuda
