// local on a GPU. Each position is a product of its own with few columns, whose weights are read once for a
// batch: blocks of all positions run side by side. Sums are in float.
//   forward:          z is a position of y; rows are images, depth is (r, s, c), columns are filters
//   input gradient:   z is a pixel of x; rows are images, depth is (window, k), columns are channels
//   weight gradient:  z is a position of y; rows are filters, depth is images, columns are (r, s, c), and one
//                     of ones, which gives the gradient of the bias
// All z also count groups.
#include "kernels/cuda/conv_geometry.cuh"
#include "kernels/cuda/plain_product.cuh"
#include "kernels/cuda/vector.cuh"
#include "kernels/local.h"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

// What the passes share.
struct LocalGeometry {
  explicit LocalGeometry(const ConvShape& shape)
      : g(shape), by_kernel_width(shape.kernel_width), by_groups(shape.groups) {}

  // Pixels and positions are counted in row-major order; z counts groups within them.
  struct Place {
    int row;
    int column;
    int group;
  };
  [[nodiscard]] __device__ __forceinline__ Place place(int z, int width) const {
    const int pixel = by_groups.quotient(z);
    return {pixel / width, pixel % width, by_groups.remainder(z, pixel)};
  }
  // The offset of a window's tap in an image of x, or -1 if it is outside.
  [[nodiscard]] __device__ __forceinline__ std::int64_t x_offset(const Place& position, int tap) const {
    const int r = by_kernel_width.quotient(tap);
    const int row = position.row * g.stride - g.top + r;
    const int column = position.column * g.stride - g.left + by_kernel_width.remainder(tap, r);
    if (row < 0 || row >= g.height || column < 0 || column >= g.width) return -1;
    return (std::int64_t{row} * g.width + column) * g.x_pitch;
  }
  [[nodiscard]] __device__ __forceinline__ std::int64_t x_image() const {
    return std::int64_t{g.height} * g.width * g.x_pitch;
  }
  [[nodiscard]] __device__ __forceinline__ std::int64_t positions() const {
    return std::int64_t{g.out_height} * g.out_width;
  }
  [[nodiscard]] __device__ __forceinline__ std::int64_t y_image() const { return positions() * g.y_pitch; }
  // The first weight of a filter of a group.
  [[nodiscard]] __device__ __forceinline__ std::int64_t filter(std::int64_t position, int group,
                                                               int k) const {
    const std::int64_t all = std::int64_t{g.groups} * g.filters;
    return (position * all + std::int64_t{group} * g.filters + k) * g.taps() * g.channel_pitch;
  }

  ConvGeometry g;
  FastDiv by_kernel_width;
  FastDiv by_groups;
};

template <typename T>
struct LocalForward : LocalGeometry {
  LocalForward(const ConvShape& shape, const T* from, const T* weights, const float* biases, T* to,
               bool with_relu)
      : LocalGeometry(shape),
        by_channels(g.channels),
        x(from),
        w(weights),
        bias(biases),
        y(to),
        relu_after(with_relu) {}

  [[nodiscard]] __device__ __forceinline__ int rows() const { return g.images; }
  // The last group's columns include the padding of y.
  [[nodiscard]] __device__ __forceinline__ int columns(int z) const {
    const int group = place(z, g.out_width).group;
    return group + 1 < g.groups ? g.filters : g.y_pitch - group * g.filters;
  }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int /*z*/) const { return 0; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int /*z*/) const { return g.taps() * g.channels; }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    if (row >= g.images) return 0.0F;
    const Place at = place(z, g.out_width);
    const int tap = by_channels.quotient(depth);
    const std::int64_t pixel = x_offset(at, tap);
    if (pixel < 0) return 0.0F;
    return to_float(x[row * x_image() + pixel + at.group * g.channels + by_channels.remainder(depth, tap)]);
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= g.filters) return 0.0F;
    const Place at = place(z, g.out_width);
    const int tap = by_channels.quotient(depth);
    const std::int64_t first = filter(std::int64_t{at.row} * g.out_width + at.column, at.group, column);
    return to_float(w[first + std::int64_t{tap} * g.channel_pitch + by_channels.remainder(depth, tap)]);
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const Place at = place(z, g.out_width);
    const std::int64_t in_image =
        (std::int64_t{at.row} * g.out_width + at.column) * g.y_pitch + at.group * g.filters + column;
    float value = column < g.filters ? sum + bias[in_image] : 0.0F;
    if (relu_after) value = relu(value);
    y[row * y_image() + in_image] = to_element<T>(value);
  }

  FastDiv by_channels;
  const T* x;
  const T* w;
  const float* bias;
  T* y;
  bool relu_after;
};

// Windows are those that could cover a pixel: in each direction so many as a window has strides, rounded up.
template <typename T>
struct LocalInputGradient : LocalGeometry {
  LocalInputGradient(const ConvShape& shape, const T* from, const T* weights, const T* relu_output, T* to)
      : LocalGeometry(shape),
        by_filters(g.filters),
        windows_down((g.kernel_height + g.stride - 1) / g.stride),
        by_windows_across((g.kernel_width + g.stride - 1) / g.stride),
        dy(from),
        w(weights),
        mask(relu_output),
        dx(to) {}

  [[nodiscard]] __device__ __forceinline__ int rows() const { return g.images; }
  [[nodiscard]] __device__ __forceinline__ int columns(int z) const {
    const int group = place(z, g.width).group;
    return group + 1 < g.groups ? g.channels : g.x_pitch - group * g.channels;
  }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int /*z*/) const { return 0; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int /*z*/) const {
    return windows_down * by_windows_across.divisor * g.filters;
  }
  struct Window {
    std::int64_t position;  // -1: there is none
    int tap;
  };
  [[nodiscard]] __device__ __forceinline__ Window window(const Place& pixel, int number) const {
    const int down = by_windows_across.quotient(number);
    const int across = by_windows_across.remainder(number, down);
    const int p = (pixel.row + g.top) / g.stride - down;
    const int q = (pixel.column + g.left) / g.stride - across;
    const int r = pixel.row + g.top - p * g.stride;
    const int s = pixel.column + g.left - q * g.stride;
    const bool exists =
        p >= 0 && p < g.out_height && q >= 0 && q < g.out_width && r < g.kernel_height && s < g.kernel_width;
    return {exists ? std::int64_t{p} * g.out_width + q : -1, r * g.kernel_width + s};
  }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    if (row >= g.images) return 0.0F;
    const Place at = place(z, g.width);
    const int number = by_filters.quotient(depth);
    const std::int64_t position = window(at, number).position;
    if (position < 0) return 0.0F;
    const int filter = by_filters.remainder(depth, number);
    return to_float(dy[row * y_image() + position * g.y_pitch + at.group * g.filters + filter]);
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= g.channels) return 0.0F;
    const Place at = place(z, g.width);
    const int number = by_filters.quotient(depth);
    const Window one = window(at, number);
    if (one.position < 0) return 0.0F;
    const std::int64_t first = filter(one.position, at.group, by_filters.remainder(depth, number));
    return to_float(w[first + std::int64_t{one.tap} * g.channel_pitch + column]);
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const Place at = place(z, g.width);
    const std::int64_t to = row * x_image() + (std::int64_t{at.row} * g.width + at.column) * g.x_pitch +
                            at.group * g.channels + column;
    const bool passes = mask == nullptr || to_float(mask[to]) > 0.0F;
    dx[to] = to_element<T>(passes && column < g.channels ? sum : 0.0F);
  }

  FastDiv by_filters;
  int windows_down;
  FastDiv by_windows_across;
  const T* dy;
  const T* w;
  const T* mask;
  T* dx;
};

template <typename T>
struct LocalWeightGradient : LocalGeometry {
  LocalWeightGradient(const ConvShape& shape, const T* from_x, const T* from_dy, float* weights,
                      float* biases)
      : LocalGeometry(shape), by_channels(g.channel_pitch), x(from_x), dy(from_dy), dw(weights), db(biases) {}

  [[nodiscard]] __device__ __forceinline__ int rows() const { return g.filters; }
  [[nodiscard]] __device__ __forceinline__ int line() const { return g.taps() * g.channel_pitch; }
  [[nodiscard]] __device__ __forceinline__ int columns(int /*z*/) const { return line() + 1; }
  [[nodiscard]] __device__ __forceinline__ int first_depth(int /*z*/) const { return 0; }
  [[nodiscard]] __device__ __forceinline__ int end_depth(int /*z*/) const { return g.images; }
  [[nodiscard]] __device__ __forceinline__ std::int64_t y_offset(const Place& at) const {
    return (std::int64_t{at.row} * g.out_width + at.column) * g.y_pitch + at.group * g.filters;
  }
  [[nodiscard]] __device__ __forceinline__ float a(int row, int depth, int z) const {
    if (row >= g.filters) return 0.0F;
    return to_float(dy[depth * y_image() + y_offset(place(z, g.out_width)) + row]);
  }
  [[nodiscard]] __device__ __forceinline__ float b(int depth, int column, int z) const {
    if (column >= line()) return column == line() ? 1.0F : 0.0F;
    const Place at = place(z, g.out_width);
    const int tap = by_channels.quotient(column);
    const std::int64_t pixel = x_offset(at, tap);
    if (pixel < 0) return 0.0F;
    return to_float(
        x[depth * x_image() + pixel + at.group * g.channels + by_channels.remainder(column, tap)]);
  }
  __device__ __forceinline__ void store(int row, int column, int z, float sum) const {
    const Place at = place(z, g.out_width);
    if (column == line()) {
      db[y_offset(at) + row] = sum;
    } else {
      dw[filter(std::int64_t{at.row} * g.out_width + at.column, at.group, row) + column] = sum;
    }
  }

  FastDiv by_channels;
  const T* x;
  const T* dy;
  float* dw;
  float* db;
};

}  // namespace

template <typename T>
void local_forward(const Stream& stream, const ConvShape& shape, const T* x, const T* w, const float* bias,
                   T* y, bool relu) {
  const LocalForward<T> problem(shape, x, w, bias, y, relu);
  const int padding = problem.g.y_pitch - shape.filters;
  launch_product(stream, problem, shape.images, problem.g.filters + padding,
                 static_cast<int>(positions_of(shape) * shape.groups));
}

template <typename T>
void local_input_gradient(const Stream& stream, const ConvShape& shape, const T* dy, const T* w,
                          const T* relu_output, T* dx) {
  const LocalInputGradient<T> problem(shape, dy, w, relu_output, dx);
  const int padding = problem.g.x_pitch - shape.channels;
  launch_product(stream, problem, shape.images, problem.g.channels + padding,
                 static_cast<int>(std::int64_t{shape.height} * shape.width * shape.groups));
}

template <typename T>
void local_weight_gradient(const Stream& stream, const ConvShape& shape, const T* x, const T* dy, float* dw,
                           float* db) {
  const LocalWeightGradient<T> problem(shape, x, dy, dw, db);
  launch_product(stream, problem, problem.g.filters, problem.g.taps() * problem.g.channel_pitch + 1,
                 static_cast<int>(positions_of(shape) * shape.groups));
}

template void local_forward<float>(const Stream&, const ConvShape&, const float*, const float*, const float*,
                                   float*, bool);
template void local_forward<Bf16>(const Stream&, const ConvShape&, const Bf16*, const Bf16*, const float*,
                                  Bf16*, bool);
template void local_input_gradient<float>(const Stream&, const ConvShape&, const float*, const float*,
                                          const float*, float*);
template void local_input_gradient<Bf16>(const Stream&, const ConvShape&, const Bf16*, const Bf16*,
                                         const Bf16*, Bf16*);
template void local_weight_gradient<float>(const Stream&, const ConvShape&, const float*, const float*,
                                           float*, float*);
template void local_weight_gradient<Bf16>(const Stream&, const ConvShape&, const Bf16*, const Bf16*, float*,
                                          float*);

}  // namespace convoy::cuda
