#include "kernels/lrn_pool.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <limits>

#include "kernels/lrn_lanes.h"

namespace convoy::cpu {
namespace {

[[gnu::always_inline]] inline WordVector load_indices(const LrnPoolIndex* from) {
  ByteVector bytes;
  std::memcpy(&bytes, from, sizeof bytes);
  return words_of(bytes);
}
[[gnu::always_inline]] inline void store_indices(const WordVector& indices, LrnPoolIndex* to) {
  const ByteVector bytes = low_bytes_of(indices);
  std::memcpy(to, &bytes, sizeof bytes);
}

// The rows of normalised values that a row of windows sees: [row % kernel_height][column][channel].
template <typename T>
class Ring {
 public:
  Ring(T* memory, int rows, std::int64_t row_elements)
      : memory_(memory), rows_(rows), row_elements_(row_elements) {}
  [[nodiscard]] T* row(int index) const { return memory_ + index % rows_ * row_elements_; }

 private:
  T* memory_;
  int rows_;
  std::int64_t row_elements_;
};

std::int64_t ring_row_elements(const LrnPoolShape& shape) {
  const TensorShape& in = shape.pool.in;
  return std::int64_t{in.width} * in.blocks() * in.block;
}

// Calls body(image, first, last) for rows [first, last) of an image: whole images if there are enough of them
// for the threads, otherwise bands of rows.
template <typename Body>
void for_each_band(const TensorShape& rows_of, Body&& body) {
  const int threads = omp_get_max_threads();
  const int bands = rows_of.images >= threads ? 1 : std::min(threads, rows_of.height);
#pragma omp parallel for collapse(2) schedule(static)
  for (int n = 0; n < rows_of.images; ++n) {
    for (int band = 0; band < bands; ++band) {
      body(n, rows_of.height * band / bands, rows_of.height * (band + 1) / bands);
    }
  }
}

// The part of a window that lies inside the input, and the index in the window of its first element.
struct Inside {
  PoolRange rows;
  PoolRange columns;
  int first = 0;
};

// The maximum of a window, and its index in the window, for kLanes channels from `run` on.
template <typename T>
[[gnu::always_inline]] inline void maximum(const Ring<T>& ring, const Inside& window, int rows, int columns,
                                           int kernel_width, std::int64_t channels, std::int64_t run,
                                           FloatVector& best, WordVector& best_index) {
  best = FloatVector{} - std::numeric_limits<float>::infinity();
  best_index = WordVector{} + static_cast<std::uint32_t>(window.first);
#pragma GCC unroll 3
  for (int i = 0; i < rows; ++i) {
    const T* const line = ring.row(window.rows.begin + i) + window.columns.begin * channels + run;
#pragma GCC unroll 3
    for (int j = 0; j < columns; ++j) {
      const FloatVector value = load(line + j * channels).v;
      const WordVector index = WordVector{} + static_cast<std::uint32_t>(window.first + i * kernel_width + j);
      const auto replaces = (value > best) | (value != value);  // NOLINT(misc-redundant-expression): a NaN
      best = replaces ? value : best;
      best_index = replaces ? index : best_index;
    }
  }
}

// Computes a row of outputs from the ring's rows; y and where point at its first pixel.
template <typename T>
void pool_row(const LrnPoolShape& shape, const LaneLayout& in, const LaneLayout& out, int p,
              const Ring<T>& ring, T* y, LrnPoolIndex* where) {
  const PoolShape& s = shape.pool;
  const std::int64_t channels = std::int64_t{in.runs} * kLanes;
  Inside window;
  window.rows = pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height);
  const int rows = window.rows.end - window.rows.begin;
  const int top = (window.rows.begin - (p * s.stride - s.pad_top)) * s.kernel_width;
  for (int q = 0; q < s.out.width; ++q) {
    window.columns = pool_window(q, s.kernel_width, s.stride, s.pad_left, s.in.width);
    const int columns = window.columns.end - window.columns.begin;
    window.first = top + window.columns.begin - (q * s.stride - s.pad_left);
    for (int run = 0; run < in.runs; ++run) {
      FloatVector best = {};
      WordVector best_index = WordVector{} + kLrnPoolNowhere;
      if (rows == 3 && columns == 3) {
        maximum(ring, window, 3, 3, s.kernel_width, channels, std::int64_t{run} * kLanes, best, best_index);
      } else if (rows > 0 && columns > 0) {
        maximum(ring, window, rows, columns, s.kernel_width, channels, std::int64_t{run} * kLanes, best,
                best_index);
      }
      const std::int64_t to = q * out.pixel_step + run * out.run_step;
      if (shape.relu_output) {
        best_index = best > 0.0F ? best_index : WordVector{} + kLrnPoolNowhere;
        best = relu({best}).v;
      }
      store({best}, y + to);
      if (where != nullptr) store_indices(best_index, where + to);
    }
  }
}

// The windows that see a pixel: the offsets of their outputs in an image, and the index of the pixel in each.
class WindowsOver {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): only the first count_ elements are read
  WindowsOver(const PoolShape& s, const PoolRange& rows, int h, int w, std::int64_t pixel_step) {
    const PoolRange columns = pool_windows_over(w, s.kernel_width, s.stride, s.pad_left, s.out.width);
    for (int p = rows.begin; p < rows.end; ++p) {
      const int row = (h - (p * s.stride - s.pad_top)) * s.kernel_width;
      for (int q = columns.begin; q < columns.end; ++q) {
        offsets_[count_] = (std::int64_t{p} * s.out.width + q) * pixel_step;
        indices_[count_] = static_cast<std::uint32_t>(row + w - (q * s.stride - s.pad_left));
        ++count_;
      }
    }
  }
  // The gradient of kLanes channels of the pixel: the sum over the windows that took it as their maximum.
  template <typename T>
  [[gnu::always_inline]] Lanes gradient(const LrnPoolIndex* where, const T* dy,
                                        std::int64_t pixel_step) const {
    FloatVector sum = {};
    // What a later pixel is the first to need; the windows of a row before have loaded the rest.
    if (count_ > 0) {
      const std::int64_t later = offsets_[count_ - 1] + kPixelsAhead * pixel_step;
      __builtin_prefetch(where + later);
      __builtin_prefetch(dy + later);
    }
    for (std::size_t i = 0; i < count_; ++i) {
      const std::int64_t at = offsets_[i];
      sum += load_indices(where + at) == indices_[i] ? load(dy + at).v : FloatVector{};
    }
    return {sum};
  }

 private:
  static constexpr std::int64_t kPixelsAhead = 4;
  std::size_t count_ = 0;
  std::array<std::int64_t, kMaxLrnPoolWindow> offsets_;
  std::array<std::uint32_t, kMaxLrnPoolWindow> indices_;
};

}  // namespace

bool lrn_pool_serves(const LrnPoolShape& shape) {
  const PoolShape& pool = shape.pool;
  return fits_lanes(shape.lrn) && std::int64_t{pool.kernel_height} * pool.kernel_width <= kMaxLrnPoolWindow;
}

std::int64_t lrn_pool_scratch(const LrnPoolShape& shape) {
  return shape.pool.kernel_height * ring_row_elements(shape);
}

template <typename T>
void lrn_pool_forward(const LrnPoolShape& shape, const T* x, T* y, LrnPoolIndex* where,
                      std::span<T> scratch) {
  const PoolShape& s = shape.pool;
  const LaneLayout in = *lane_layout(shape.lrn);
  const LaneLayout out = *lane_layout(s.out);
  const std::int64_t row_elements = ring_row_elements(shape);
  with_lrn_reach(shape.lrn, [&](auto reach) {
    for_each_band(s.out, [&](int n, int first, int last) {
      const Ring<T> ring(scratch.data() + lrn_pool_scratch(shape) * omp_get_thread_num(), s.kernel_height,
                         row_elements);
      int next = 0;  // next row to normalise
      for (int p = first; p < last; ++p) {
        const PoolRange rows = pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height);
        for (next = std::max(next, rows.begin); next < rows.end; ++next) {
          const T* const from =
              x + n * s.in.image_elements() + std::int64_t{next} * s.in.width * in.pixel_step;
          T* const to = ring.row(next);
          const std::int64_t channels = std::int64_t{in.runs} * kLanes;
          for_pixels_together<kLrnTogether>(s.in.width, [&](auto pixels, int w) {
            T* const first_pixel = to + w * channels;
            lrn_pixels<reach(), pixels()>(
                shape.lrn, in, from + w * in.pixel_step, [=](std::size_t pixel, int run, const Lanes& value) {
                  store(value, first_pixel + static_cast<std::int64_t>(pixel) * channels + run * kLanes);
                });
          });
        }
        const std::int64_t at = n * s.out.image_elements() + std::int64_t{p} * s.out.width * out.pixel_step;
        pool_row(shape, in, out, p, ring, y + at, where == nullptr ? nullptr : where + at);
      }
    });
  });
}

template <typename T>
void lrn_pool_backward(const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where, const T* dy, T* dx) {
  const PoolShape& s = shape.pool;
  const LaneLayout in = *lane_layout(shape.lrn);
  const LaneLayout out = *lane_layout(s.out);
  with_lrn_reach(shape.lrn, [&](auto reach) {
    for_each_band(s.in, [&](int n, int first, int last) {
      const std::int64_t image = n * s.out.image_elements();
      for (int h = first; h < last; ++h) {
        const PoolRange rows = pool_windows_over(h, s.kernel_height, s.stride, s.pad_top, s.out.height);
        for (int w = 0; w < s.in.width; ++w) {
          const WindowsOver windows(s, rows, h, w, out.pixel_step);
          const std::int64_t at =
              n * s.in.image_elements() + (std::int64_t{h} * s.in.width + w) * in.pixel_step;
          lrn_pixels_backward<reach(), 1>(
              shape.lrn, in, x + at, shape.relu_input,
              [&, where, dy, image](std::size_t, int run) {
                const std::int64_t from = image + run * out.run_step;
                return windows.gradient(where + from, dy + from, out.pixel_step);
              },
              [=](std::size_t, int run, const Lanes& gradient) { store(gradient, dx + at + in.at(0, run)); });
        }
      }
    });
  });
}

template void lrn_pool_forward<float>(const LrnPoolShape&, const float*, float*, LrnPoolIndex*,
                                      std::span<float>);
template void lrn_pool_forward<Bf16>(const LrnPoolShape&, const Bf16*, Bf16*, LrnPoolIndex*, std::span<Bf16>);
template void lrn_pool_backward<float>(const LrnPoolShape&, const float*, const LrnPoolIndex*, const float*,
                                       float*);
template void lrn_pool_backward<Bf16>(const LrnPoolShape&, const Bf16*, const LrnPoolIndex*, const Bf16*,
                                      Bf16*);

}  // namespace convoy::cpu
