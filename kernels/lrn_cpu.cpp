#include "kernels/lrn.h"

#include <omp.h>

#include <algorithm>

#include "kernels/lrn_lanes.h"

namespace convoy::cpu {
namespace {

// Pixels of a tile, which are processed together: few enough for the first-level cache, and enough that the
// unaligned loads of the windows come long after the stores that they read.
constexpr int kTilePixels = 16;

// Floats of one pixel's scratch row: all channels and the halo of zeros that windows reach into, rounded up
// to whole runs of lanes.
std::int64_t row_floats(const LrnShape& shape) {
  const std::int64_t floats = std::int64_t{shape.tensor.blocks()} * shape.tensor.block + shape.size - 1;
  return (floats + kLanes - 1) / kLanes * kLanes;
}

// sums[c] = the sum of the `size` neighbours that begin at row[c], for all c.
template <int kSize>
void window_sums(int channels, int size, const float* row, float* sums) {
  if constexpr (kSize == 5) {
#pragma omp simd
    for (int c = 0; c < channels; ++c) {
      sums[c] = ((row[c] + row[c + 1]) + (row[c + 2] + row[c + 3])) + row[c + 4];
    }
  } else {
    for (int c = 0; c < channels; ++c) sums[c] = row[c];
    for (int j = 1; j < size; ++j) {
#pragma omp simd
      for (int c = 0; c < channels; ++c) sums[c] += row[c + j];
    }
  }
}

void sum_windows(int channels, int size, const float* row, float* sums) {
  if (size == 5) {
    window_sums<5>(channels, size, row, sums);
  } else {
    window_sums<0>(channels, size, row, sums);
  }
}

// sum_windows for windows that end with their channel's group and begin `before` channels ahead of their own:
// channel c is row[before + c]. `part` has room for a row: each group is summed there, between zeros.
void sum_groups(const LrnShape& shape, int channels, int before, const float* row, float* sums, float* part) {
  if (shape.groups == 1) return sum_windows(channels, shape.size, row, sums);
  const int count = shape.group_channels();
  std::fill_n(part, before, 0.0F);
  std::fill_n(part + before + count, shape.size - 1 - before, 0.0F);
  for (int first = 0; first < shape.tensor.channels; first += count) {
    std::copy_n(row + before + first, count, part + before);
    sum_windows(count, shape.size, part, sums + first);
  }
  std::fill(sums + shape.tensor.channels, sums + channels, 0.0F);  // the padding of the last block
}

// powers[c] = s[c]^-beta and sums[c] = 1 / s[c], where sums[c] held the window's sum. Works on whole runs of
// lanes, for which the rows have room.
void raise(const LrnShape& shape, int channels, float* sums, float* powers) {
  for (int c = 0; c < channels; c += kLanes) {
    const LrnPowers<1> of = lrn_powers(shape, LanesOf<1>{load(sums + c)});
    store(of.power[0], powers + c);
    store(of.inverse[0], sums + c);
  }
}

// Calls body(first element of the tile in the tensor, pixels in the tile, this thread's scratch) for
// every tile.
template <typename Body>
void for_each_tile(const LrnShape& shape, std::span<float> scratch, Body&& body) {
  const TensorShape& t = shape.tensor;
  const std::int64_t tiles = (t.pixels() + kTilePixels - 1) / kTilePixels;
  const std::int64_t each = lrn_scratch(shape);
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < t.images; ++n) {
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
      const std::int64_t first = tile * kTilePixels;
      const int count = static_cast<int>(std::min<std::int64_t>(kTilePixels, t.pixels() - first));
      body(n * t.image_elements() + first * t.block, count, scratch.data() + each * omp_get_thread_num());
    }
  }
}

// Calls body(element in the tensor, element in the scratch rows) for each run of neighbouring channels of a
// tile; scratch rows are `row` floats apart.
template <typename Body>
inline void for_each_run(const LrnShape& shape, std::int64_t first, int pixels, std::int64_t row,
                         Body&& body) {
  const TensorShape& t = shape.tensor;
  for (int b = 0; b < t.blocks(); ++b) {
    for (int p = 0; p < pixels; ++p) {
      body(first + (b * t.pixels() + p) * t.block, p * row + std::int64_t{b} * t.block);
    }
  }
}

// Calls body(std::integral_constant of a number of adjacent pixels, element of the first) for all pixels.
template <typename Body>
void for_each_pixel(const TensorShape& tensor, const LaneLayout& layout, Body&& body) {
#pragma omp parallel for collapse(2) schedule(static)
  for (std::int64_t n = 0; n < tensor.images; ++n) {
    for (std::int64_t row = 0; row < tensor.height; ++row) {
      const std::int64_t first = n * tensor.image_elements() + row * tensor.width * layout.pixel_step;
      for_pixels_together<kLrnTogether>(
          tensor.width, [&](auto pixels, int column) { body(pixels, first + column * layout.pixel_step); });
    }
  }
}

// Works on any layout, through scratch rows of channels. kBlock: the layout's block if that is a common one,
// so that the loops over lanes have a constant length; else 0.
template <int kBlock, typename T>
void forward(const LrnShape& shape, const T* x, T* y, std::span<float> scratch) {
  const int block = kBlock == 0 ? shape.tensor.block : kBlock;
  const int channels = shape.tensor.blocks() * block;
  const std::int64_t row = row_floats(shape);
  for_each_tile(shape, scratch, [&](std::int64_t first, int pixels, float* const squares) {
    float* const powers = squares + kTilePixels * row;
    float* const sums = powers + kTilePixels * row;
    float* const part = sums + row;
    for (int p = 0; p < pixels; ++p) {
      std::fill_n(squares + p * row, shape.before(), 0.0F);
      std::fill_n(squares + p * row + channels + shape.before(), shape.after(), 0.0F);
    }
    for_each_run(shape, first, pixels, row, [&](std::int64_t from, std::int64_t to) {
      float* const out = squares + to + shape.before();
#pragma omp simd
      for (int l = 0; l < block; ++l) {
        const float value = to_float(x[from + l]);
        out[l] = value * value;
      }
    });
    for (int p = 0; p < pixels; ++p) {
      sum_groups(shape, channels, shape.before(), squares + p * row, sums, part);
      raise(shape, channels, sums, powers + p * row);
    }
    for_each_run(shape, first, pixels, row, [&](std::int64_t at, std::int64_t in_rows) {
#pragma omp simd
      for (int l = 0; l < block; ++l) y[at + l] = from_float<T>(to_float(x[at + l]) * powers[in_rows + l]);
    });
  });
}

template <int kBlock, typename T>
void backward(const LrnShape& shape, const T* x, const T* dy, T* dx, bool relu_input,
              std::span<float> scratch) {
  const int block = kBlock == 0 ? shape.tensor.block : kBlock;
  const int channels = shape.tensor.blocks() * block;
  const std::int64_t row = row_floats(shape);
  const float factor = 2.0F * shape.scale * shape.beta;
  for_each_tile(shape, scratch, [&](std::int64_t first, int pixels, float* const rows) {
    float* const powers = rows + kTilePixels * row;
    float* const values = powers + kTilePixels * row;     // x
    float* const gradients = values + kTilePixels * row;  // dy
    float* const sums = gradients + kTilePixels * row;
    float* const part = sums + row;
    for_each_run(shape, first, pixels, row, [&](std::int64_t from, std::int64_t to) {
      float* const squares = rows + to + shape.before();
#pragma omp simd
      for (int l = 0; l < block; ++l) {
        const float value = to_float(x[from + l]);
        values[to + l] = value;
        gradients[to + l] = to_float(dy[from + l]);
        squares[l] = value * value;
      }
    });
    for (int p = 0; p < pixels; ++p) {
      float* const r = rows + p * row;
      const float* const value = values + p * row;
      float* const gradient = gradients + p * row;
      float* const power = powers + p * row;
      std::fill_n(r, shape.before(), 0.0F);
      std::fill_n(r + channels + shape.before(), shape.after(), 0.0F);
      sum_groups(shape, channels, shape.before(), r, sums, part);
      raise(shape, channels, sums, power);
      // The channels whose windows hold a channel reach after() back and before() ahead: the halo
      // is mirrored.
      std::fill_n(r, shape.after(), 0.0F);
      std::fill_n(r + channels + shape.after(), shape.before(), 0.0F);
#pragma omp simd
      for (int c = 0; c < channels; ++c) {
        const float direct = gradient[c] * power[c];
        gradient[c] = direct;
        r[shape.after() + c] = direct * value[c] * sums[c];
      }
    }
    for (int p = 0; p < pixels; ++p) {
      const float* const value = values + p * row;
      float* const gradient = gradients + p * row;
      sum_groups(shape, channels, shape.after(), rows + p * row, sums, part);
#pragma omp simd
      for (int c = 0; c < channels; ++c) {
        const float g = gradient[c] - factor * value[c] * sums[c];
        gradient[c] = relu_input && value[c] <= 0.0F ? 0.0F : g;
      }
    }
    for_each_run(shape, first, pixels, row, [&](std::int64_t at, std::int64_t in_rows) {
#pragma omp simd
      for (int l = 0; l < block; ++l) dx[at + l] = from_float<T>(gradients[in_rows + l]);
    });
  });
}

}  // namespace

std::int64_t lrn_scratch(const LrnShape& shape) {
  // Four tiles of rows, one row of sums and one for a group, and a cache line to keep the threads apart.
  return (4 * kTilePixels + 2) * row_floats(shape) + 16;
}

template <typename T>
void lrn_forward(const LrnShape& shape, const T* x, T* y, std::span<float> scratch) {
  if (fits_lanes(shape)) {
    const LaneLayout layout = *lane_layout(shape);
    return with_lrn_reach(shape, [&](auto reach) {
      for_each_pixel(shape.tensor, layout, [=](auto pixels, std::int64_t at) {
        lrn_pixels<reach(), pixels()>(shape, layout, x + at,
                                      [=](std::size_t pixel, int run, const Lanes& value) {
                                        store(value, y + at + layout.at(pixel, run));
                                      });
      });
    });
  }
  if (shape.tensor.block == 8) return forward<8>(shape, x, y, scratch);
  forward<0>(shape, x, y, scratch);
}

template <typename T>
void lrn_backward(const LrnShape& shape, const T* x, const T* dy, T* dx, bool relu_input,
                  std::span<float> scratch) {
  if (fits_lanes(shape)) {
    const LaneLayout layout = *lane_layout(shape);
    return with_lrn_reach(shape, [&](auto reach) {
      for_each_pixel(shape.tensor, layout, [=](auto pixels, std::int64_t at) {
        lrn_pixels_backward<reach(), pixels()>(
            shape, layout, x + at, relu_input,
            [=](std::size_t pixel, int run) { return load_ahead(layout, dy + at + layout.at(pixel, run)); },
            [=](std::size_t pixel, int run, const Lanes& gradient) {
              store(gradient, dx + at + layout.at(pixel, run));
            });
      });
    });
  }
  if (shape.tensor.block == 8) return backward<8>(shape, x, dy, dx, relu_input, scratch);
  backward<0>(shape, x, dy, dx, relu_input, scratch);
}

template void lrn_forward<float>(const LrnShape&, const float*, float*, std::span<float>);
template void lrn_forward<Bf16>(const LrnShape&, const Bf16*, Bf16*, std::span<float>);
template void lrn_backward<float>(const LrnShape&, const float*, const float*, float*, bool,
                                  std::span<float>);
template void lrn_backward<Bf16>(const LrnShape&, const Bf16*, const Bf16*, Bf16*, bool, std::span<float>);

}  // namespace convoy::cpu
