// What the kernels of conv know of a shape.
#pragma once

#include "kernels/conv.h"
#include "kernels/cuda/conv.h"
#include "kernels/cuda/fast_div.cuh"
#include "kernels/cuda/ops.h"

namespace convoy::cuda {

[[nodiscard]] constexpr int fill_up(int channels) {
  return (channels + kChannelAlignment - 1) / kChannelAlignment * kChannelAlignment;
}

// All in elements; a group's channels start at group * channels (filters) of a pixel.
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
        x_pitch(fill_up(shape.channels)),
        y_pitch(fill_up(shape.filters)) {}

  [[nodiscard]] CONVOY_HOST_DEVICE int taps() const { return kernel_height * kernel_width; }
  [[nodiscard]] CONVOY_HOST_DEVICE int in_pixels() const { return images * height * width; }
  [[nodiscard]] CONVOY_HOST_DEVICE int out_pixels() const { return images * out_height * out_width; }
  // Whether every group's channels and filters start at a multiple of 16 bytes of bf16 and end at one,
  // filling included: what the tensor cores' kernels need.
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
  int channel_pitch;  // of the weights: filter_channels()
  int x_pitch;        // from a pixel to the next
  int y_pitch;
};

// The index of a pixel in NHW order, taken apart.
struct PixelDivision {
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

// The plain kernels: any shape, T float or Bf16; conv_plain_cuda.cu.
template <typename T>
void plain_forward(const Stream& stream, const ConvGeometry& geometry, const T* x, const T* w,
                   const float* bias, T* y, bool relu);
template <typename T>
void plain_input_gradient(const Stream& stream, const ConvGeometry& geometry, const T* dy, const T* w,
                          const T* relu_output, T* dx);
// Sums over `per_part` pixels each to parts[part][filter elements].
template <typename T>
void plain_weight_gradient(const Stream& stream, const ConvGeometry& geometry, int part_count, int per_part,
                           const T* x, const T* dy, float* parts);

}  // namespace convoy::cuda
