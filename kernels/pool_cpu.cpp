#include <algorithm>
#include <array>

#include "kernels/pool.h"
#include "kernels/relu.h"

namespace convoy::cpu {
namespace {

constexpr int kLanes = 16;
constexpr float kLeast = -std::numeric_limits<float>::infinity();
constexpr PoolIndex kNowhere = kMaxPoolWindow;  // of a window that sees nothing; no window is so large

// Calls body(first lane's element in the input plane, in the output plane) for each image and each run of at
// most kLanes neighbouring channels, as body(in, out, lanes). Lanes of a pixel are side by side, pixels are
// `block` apart.
template <typename Body>
void for_each_plane(const PoolShape& shape, Body&& body) {
  const int block = shape.in.block;
  const int runs = (block + kLanes - 1) / kLanes;
#pragma omp parallel for collapse(3) schedule(static)
  for (int n = 0; n < shape.in.images; ++n) {
    for (int b = 0; b < shape.in.blocks(); ++b) {
      for (int run = 0; run < runs; ++run) {
        const std::int64_t lane = std::int64_t{run} * kLanes;
        const std::int64_t in = n * shape.in.image_elements() + b * shape.in.pixels() * block + lane;
        const std::int64_t out = n * shape.out.image_elements() + b * shape.out.pixels() * block + lane;
        body(in, out, static_cast<int>(std::min<std::int64_t>(kLanes, block - lane)));
      }
    }
  }
}

// Windows of an output pixel.
struct Window {
  PoolRange rows;
  PoolRange columns;
  int top = 0;  // of the whole window, perhaps outside
  int left = 0;
  [[nodiscard]] int count() const {
    return std::max(rows.end - rows.begin, 0) * std::max(columns.end - columns.begin, 0);
  }
};

Window window_of(const PoolShape& s, int p, int q) {
  return {pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height),
          pool_window(q, s.kernel_width, s.stride, s.pad_left, s.in.width), p * s.stride - s.pad_top,
          q * s.stride - s.pad_left};
}

template <int kFixedLanes, typename T>
void max_plane(const PoolShape& s, bool relu, const T* x, T* y, PoolIndex* where, int lanes_there) {
  const int lanes = kFixedLanes == 0 ? lanes_there : kFixedLanes;
  const std::int64_t block = s.in.block;
  for (int p = 0; p < s.out.height; ++p) {
    for (int q = 0; q < s.out.width; ++q) {
      const Window w = window_of(s, p, q);
      std::array<float, kLanes> best{};
      std::array<PoolIndex, kLanes> at{};
      if (w.count() != 0) best.fill(kLeast);
      at.fill(w.count() == 0 ? kNowhere
                             : static_cast<PoolIndex>((w.rows.begin - w.top) * s.kernel_width +
                                                      (w.columns.begin - w.left)));
      for (int row = w.rows.begin; row < w.rows.end; ++row) {
        for (int column = w.columns.begin; column < w.columns.end; ++column) {
          const T* const from = x + (std::int64_t{row} * s.in.width + column) * block;
          const auto index = static_cast<PoolIndex>((row - w.top) * s.kernel_width + (column - w.left));
#pragma omp simd
          for (int l = 0; l < lanes; ++l) {
            const float value = to_float(from[l]);
            const bool replaces = pool_replaces(value, best[l]);
            best[l] = replaces ? value : best[l];
            at[l] = replaces ? index : at[l];
          }
        }
      }
      const std::int64_t to = (std::int64_t{p} * s.out.width + q) * block;
#pragma omp simd
      for (int l = 0; l < lanes; ++l) {
        y[to + l] = from_float<T>(relu ? convoy::relu(best[l]) : best[l]);
      }
      if (where != nullptr) std::copy_n(at.begin(), lanes, where + to);
    }
  }
}

template <int kFixedLanes, typename T>
void average_plane(const PoolShape& s, bool relu, const T* x, T* y, int lanes_there) {
  const int lanes = kFixedLanes == 0 ? lanes_there : kFixedLanes;
  const std::int64_t block = s.in.block;
  for (int p = 0; p < s.out.height; ++p) {
    for (int q = 0; q < s.out.width; ++q) {
      const Window w = window_of(s, p, q);
      std::array<float, kLanes> sum{};
      for (int row = w.rows.begin; row < w.rows.end; ++row) {
        for (int column = w.columns.begin; column < w.columns.end; ++column) {
          const T* const from = x + (std::int64_t{row} * s.in.width + column) * block;
#pragma omp simd
          for (int l = 0; l < lanes; ++l) sum[l] += to_float(from[l]);
        }
      }
      const float factor = 1.0F / static_cast<float>(std::max(w.count(), 1));
      T* const to = y + (std::int64_t{p} * s.out.width + q) * block;
#pragma omp simd
      for (int l = 0; l < lanes; ++l) {
        const float mean = sum[l] * factor;
        to[l] = from_float<T>(relu ? convoy::relu(mean) : mean);
      }
    }
  }
}

// Fills dx of a plane, pixel by pixel, with what add(window row p, window column q, index of the pixel in
// that window, sums) adds up over the windows that see the pixel.
template <int kFixedLanes, typename T, typename Add>
void gather_plane(const PoolShape& s, const T* x, T* dx, int lanes_there, Add&& add) {
  const int lanes = kFixedLanes == 0 ? lanes_there : kFixedLanes;
  const std::int64_t block = s.in.block;
  for (int h = 0; h < s.in.height; ++h) {
    const PoolRange rows = pool_windows_over(h, s.kernel_height, s.stride, s.pad_top, s.out.height);
    for (int w = 0; w < s.in.width; ++w) {
      const PoolRange columns = pool_windows_over(w, s.kernel_width, s.stride, s.pad_left, s.out.width);
      std::array<float, kLanes> sum{};
      for (int p = rows.begin; p < rows.end; ++p) {
        const int row = h - (p * s.stride - s.pad_top);
        for (int q = columns.begin; q < columns.end; ++q) {
          add(p, q, row * s.kernel_width + w - (q * s.stride - s.pad_left), sum);
        }
      }
      const std::int64_t to = (std::int64_t{h} * s.in.width + w) * block;
      if (x != nullptr) {
#pragma omp simd
        for (int l = 0; l < lanes; ++l) sum[l] = convoy::relu_backward(to_float(x[to + l]), sum[l]);
      }
#pragma omp simd
      for (int l = 0; l < lanes; ++l) dx[to + l] = from_float<T>(sum[l]);
    }
  }
}

template <int kFixedLanes, typename T>
void max_plane_backward(const PoolShape& s, const PoolIndex* where, const T* dy, const T* x, T* dx,
                        int lanes_there) {
  const int lanes = kFixedLanes == 0 ? lanes_there : kFixedLanes;
  gather_plane<kFixedLanes>(s, x, dx, lanes_there,
                            [&](int p, int q, int index, std::array<float, kLanes>& sum) {
                              const std::int64_t from = (std::int64_t{p} * s.out.width + q) * s.in.block;
                              const auto wanted = static_cast<PoolIndex>(index);
#pragma omp simd
                              for (int l = 0; l < lanes; ++l) {
                                sum[l] += where[from + l] == wanted ? to_float(dy[from + l]) : 0.0F;
                              }
                            });
}

template <int kFixedLanes, typename T>
void average_plane_backward(const PoolShape& s, const T* dy, const T* x, T* dx, int lanes_there) {
  const int lanes = kFixedLanes == 0 ? lanes_there : kFixedLanes;
  gather_plane<kFixedLanes>(
      s, x, dx, lanes_there, [&](int p, int q, int /*index*/, std::array<float, kLanes>& sum) {
        const T* const from = dy + (std::int64_t{p} * s.out.width + q) * s.in.block;
        const float factor = 1.0F / static_cast<float>(std::max(window_of(s, p, q).count(), 1));
#pragma omp simd
        for (int l = 0; l < lanes; ++l) sum[l] += to_float(from[l]) * factor;
      });
}

// The same element of a tensor that may be absent.
template <typename T>
T* at_or_null(T* base, std::int64_t offset) {
  return base == nullptr ? nullptr : base + offset;
}

}  // namespace

template <typename T>
void maxpool_forward(const PoolShape& shape, bool relu, const T* x, T* y, PoolIndex* where) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    const auto plane = lanes == kLanes ? max_plane<kLanes, T> : max_plane<0, T>;
    plane(shape, relu, x + in, y + out, at_or_null(where, out), lanes);
  });
}

template <typename T>
void avgpool_forward(const PoolShape& shape, bool relu, const T* x, T* y) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    const auto plane = lanes == kLanes ? average_plane<kLanes, T> : average_plane<0, T>;
    plane(shape, relu, x + in, y + out, lanes);
  });
}

template <typename T>
void maxpool_backward(const PoolShape& shape, const PoolIndex* where, const T* dy, const T* x, T* dx) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    const auto plane = lanes == kLanes ? max_plane_backward<kLanes, T> : max_plane_backward<0, T>;
    plane(shape, where + out, dy + out, at_or_null(x, in), dx + in, lanes);
  });
}

template <typename T>
void avgpool_backward(const PoolShape& shape, const T* dy, const T* x, T* dx) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    const auto plane = lanes == kLanes ? average_plane_backward<kLanes, T> : average_plane_backward<0, T>;
    plane(shape, dy + out, at_or_null(x, in), dx + in, lanes);
  });
}

template void maxpool_forward<float>(const PoolShape&, bool, const float*, float*, PoolIndex*);
template void maxpool_forward<Bf16>(const PoolShape&, bool, const Bf16*, Bf16*, PoolIndex*);
template void avgpool_forward<float>(const PoolShape&, bool, const float*, float*);
template void avgpool_forward<Bf16>(const PoolShape&, bool, const Bf16*, Bf16*);
template void maxpool_backward<float>(const PoolShape&, const PoolIndex*, const float*, const float*, float*);
template void maxpool_backward<Bf16>(const PoolShape&, const PoolIndex*, const Bf16*, const Bf16*, Bf16*);
template void avgpool_backward<float>(const PoolShape&, const float*, const float*, float*);
template void avgpool_backward<Bf16>(const PoolShape&, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cpu
