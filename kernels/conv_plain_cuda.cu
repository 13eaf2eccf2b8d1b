// conv in float, without tensor cores, for exact comparison. Each pass is a product of two matrices whose
// elements are located one by one.
#include "kernels/cuda/conv_geometry.cuh"
#include "kernels/cuda/plain_product.cuh"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

// What the passes share: which pixels of x and y a tap connects.
struct PixelMap {
  explicit PixelMap(const ConvGeometry& geometry)
      : g(geometry),
        in_pixels(geometry.height, geometry.width),
        out_pixels(geometry.out_height, geometry.out_width),
        by_kernel_width(geometry.kernel_width) {}

  // The offset in x of the pixel that this tap reads for a pixel of y, or -1 if that is outside.
  [[nodiscard]] __device__ __forceinline__ std::int64_t x_offset(int out_pixel, int tap) const {
    int image = 0;
    int row = 0;
    int column = 0;
    out_pixels.split(out_pixel, image, row, column);
    const int r = by_kernel_width.quotient(tap);
    row = row * g.stride - g.top + r;
    column = column * g.stride - g.left + by_kernel_width.remainder(tap, r);
    if (row < 0 || row >= g.height || column < 0 || column >= g.width) return -1;
    return ((std::int64_t{image} * g.height + row) * g.width + column) * g.x_pitch;
  }
  // The offset in dy of the pixel for which this tap reads a pixel of x, or -1 if there is none.
  [[nodiscard]] __device__ __forceinline__ std::int64_t dy_offset(int in_pixel, int tap) const {
    int image = 0;
    int row = 0;
    int column = 0;
    in_pixels.split(in_pixel, image, row, column);
    const int r = by_kernel_width.quotient(tap);
    row += g.top - r;
    column += g.left - by_kernel_width.remainder(tap, r);
    if (row < 0 || column < 0 || row % g.stride != 0 || column % g.stride != 0) return -1;
    row /= g.stride;
    column /= g.stride;
    if (row >= g.out_height || column >= g.out_width) return -1;
    return ((std::int64_t{image} * g.out_height + row) * g.out_width + column) * g.y_pitch;
  }

  ConvGeometry g;
  PixelDivision in_pixels;
  PixelDivision out_pixels;
  FastDiv by_kernel_width;
};

// z is the group. The last group's columns include the padding, whose weights are zero.
struct PlainForward {
  [[nodiscard]] __device__ __forceinline__ int rows() const { return map.g.out_pixels(); }
  [[nodiscard]] __device__ __forceinline__ int columns(int z) const {
    return z + 1 < map.g.groups ? map.g.filters : map.g.y_pitch - z * map.g.filters;
  }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int /*z*/) const { return 0; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int /*z*/) const {
    return map.g.taps() * map.g.channels;
  }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    const int tap = by_channels.quotient(depth);
    const std::int64_t at = row < rows() ? map.x_offset(row, tap) : -1;
    return at < 0 ? 0.0F : x[at + z * map.g.channels + by_channels.remainder(depth, tap)];
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= map.g.filters) return 0.0F;
    const int tap = by_channels.quotient(depth);
    const std::int64_t line = (std::int64_t{z} * map.g.filters + column) * map.g.taps() + tap;
    return w[line * map.g.channel_pitch + by_channels.remainder(depth, tap)];
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const int filter = z * map.g.filters + column;
    float value = column < map.g.filters ? sum + bias[filter] : 0.0F;
    if (with_relu) value = relu(value);
    y[std::int64_t{row} * map.g.y_pitch + filter] = value;
  }

  PixelMap map;
  FastDiv by_channels;
  const float* x;
  const float* w;
  const float* bias;
  float* y;
  bool with_relu;
};

struct PlainGradient {
  [[nodiscard]] __device__ __forceinline__ int rows() const { return map.g.in_pixels(); }
  [[nodiscard]] __device__ __forceinline__ int columns(int z) const {
    return z + 1 < map.g.groups ? map.g.channels : map.g.x_pitch - z * map.g.channels;
  }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int /*z*/) const { return 0; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int /*z*/) const {
    return map.g.taps() * map.g.filters;
  }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    const int tap = by_filters.quotient(depth);
    const std::int64_t at = row < rows() ? map.dy_offset(row, tap) : -1;
    return at < 0 ? 0.0F : dy[at + z * map.g.filters + by_filters.remainder(depth, tap)];
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= map.g.channels) return 0.0F;
    const int tap = by_filters.quotient(depth);
    const int filter = z * map.g.filters + by_filters.remainder(depth, tap);
    return w[(std::int64_t{filter} * map.g.taps() + tap) * map.g.channel_pitch + column];
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const std::int64_t at = std::int64_t{row} * map.g.x_pitch + z * map.g.channels + column;
    const bool passes = relu_output == nullptr || relu_output[at] > 0.0F;
    dx[at] = passes && column < map.g.channels ? sum : 0.0F;
  }

  PixelMap map;
  FastDiv by_filters;
  const float* dy;
  const float* w;
  const float* relu_output;
  float* dx;
};

// z counts parts, and groups within a part. The column after the last one is all ones: it gives the
// bias gradient.
struct PlainWeights {
  [[nodiscard]] __device__ __forceinline__ int group(int z) const { return z % map.g.groups; }
  [[nodiscard]] __device__ __forceinline__ int part(int z) const { return z / map.g.groups; }
  [[nodiscard]] __device__ __forceinline__ int rows() const { return map.g.filters; }
  [[nodiscard]] __device__ __forceinline__ int line() const { return map.g.taps() * map.g.channel_pitch; }
  [[nodiscard]] __device__ __forceinline__ int columns(int /*z*/) const { return line() + 1; }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int z) const { return part(z) * per_part; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int z) const {
    const int end = first_depth(z) + per_part;
    return end < map.g.out_pixels() ? end : map.g.out_pixels();
  }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    if (row >= rows()) return 0.0F;
    return dy[std::int64_t{depth} * map.g.y_pitch + group(z) * map.g.filters + row];
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= line()) return column == line() ? 1.0F : 0.0F;
    const int tap = by_channels.quotient(column);
    const std::int64_t at = map.x_offset(depth, tap);
    if (at < 0) return 0.0F;
    return x[at + group(z) * map.g.channels + by_channels.remainder(column, tap)];
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const int filter = group(z) * map.g.filters + row;
    if (column == line()) {
      parts.bias[part(z) * parts.step + filter] = sum;
    } else {
      parts.weights[part(z) * parts.step + std::int64_t{filter} * line() + column] = sum;
    }
  }

  PixelMap map;
  FastDiv by_channels;
  int per_part;
  const float* x;
  const float* dy;
  ConvParts parts;
};

}  // namespace

void plain_forward(const Stream& stream, const ConvGeometry& geometry, const float* x, const float* w,
                   const float* bias, float* y, bool relu) {
  const PlainForward problem = {PixelMap(geometry), FastDiv(geometry.channels), x, w, bias, y, relu};
  const int padding = geometry.y_pitch - geometry.groups * geometry.filters;
  launch_product(stream, problem, geometry.out_pixels(), geometry.filters + padding, geometry.groups);
}

void plain_input_gradient(const Stream& stream, const ConvGeometry& geometry, const float* dy, const float* w,
                          const float* relu_output, float* dx) {
  const PlainGradient problem = {PixelMap(geometry), FastDiv(geometry.filters), dy, w, relu_output, dx};
  const int padding = geometry.x_pitch - geometry.groups * geometry.channels;
  launch_product(stream, problem, geometry.in_pixels(), geometry.channels + padding, geometry.groups);
}

void plain_weight_gradient(const Stream& stream, const ConvGeometry& geometry, int part_count, int per_part,
                           const float* x, const float* dy, const ConvParts& parts) {
  const PlainWeights problem = {PixelMap(geometry), FastDiv(geometry.channel_pitch), per_part, x, dy, parts};
  launch_product(stream, problem, geometry.filters, geometry.taps() * geometry.channel_pitch + 1,
                 part_count * geometry.groups);
}

}  // namespace convoy::cuda
