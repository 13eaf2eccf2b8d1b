#include <algorithm>
#include <array>

#include "kernels/lanes.h"
#include "kernels/pool.h"
#include "kernels/relu.h"

namespace convoy::cpu {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();

// Some adjacent channels of a pixel: a whole vector, or fewer if the layout has fewer side by side.
template <bool kWhole>
class Run {
 public:
  explicit Run(int lanes) : lanes_(lanes) {}
  template <typename T>
  [[nodiscard]] Lanes load(const T* from) const {
    if constexpr (kWhole) return cpu::load(from);
    std::array<T, kLanes> some{};
    std::copy_n(from, lanes_, some.data());
    return cpu::load(some.data());
  }
  template <typename T>
  void store(const Lanes& value, T* to) const {
    if constexpr (kWhole) return cpu::store(value, to);
    std::array<T, kLanes> some{};
    cpu::store(value, some.data());
    std::copy_n(some.data(), lanes_, to);
  }
  [[nodiscard]] WordVector load_indices(const PoolIndex* from) const {
    HalfVector indices{};
    std::memcpy(&indices, from, index_bytes());
    return __builtin_convertvector(indices, WordVector);
  }
  void store_indices(const WordVector& value, PoolIndex* to) const {
    const HalfVector indices = __builtin_convertvector(value, HalfVector);
    std::memcpy(to, &indices, index_bytes());
  }

 private:
  [[nodiscard]] std::size_t index_bytes() const {
    return static_cast<std::size_t>(kWhole ? kLanes : lanes_) * sizeof(PoolIndex);
  }
  int lanes_;
};

// Calls body(first lane's element in the input plane, the same in the output plane, number of lanes) for each
// image and each run of at most kLanes neighbouring channels. The lanes of a pixel are adjacent; pixels are
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

template <bool kWhole, typename T>
void max_plane(const PoolShape& s, bool relu, const T* x, T* y, PoolIndex* where, const Run<kWhole>& run) {
  const std::int64_t block = s.in.block;
  for (int p = 0; p < s.out.height; ++p) {
    for (int q = 0; q < s.out.width; ++q) {
      const PoolWindow w = pool_window_of(s, p, q);
      const bool empty = w.seen() == 0;
      const int first = (w.rows.begin - w.top) * s.kernel_width + (w.columns.begin - w.left);
      FloatVector best = FloatVector{} + (empty ? 0.0F : kMinusInfinity);
      WordVector at =
          WordVector{} + (empty ? std::uint32_t{kPoolNowhere} : static_cast<std::uint32_t>(first));
      for (int row = w.rows.begin; row < w.rows.end; ++row) {
        const T* from = x + (std::int64_t{row} * s.in.width + w.columns.begin) * block;
        auto index = static_cast<std::uint32_t>((row - w.top) * s.kernel_width + w.columns.begin - w.left);
        for (int column = w.columns.begin; column < w.columns.end; ++column, from += block, ++index) {
          const FloatVector value = run.load(from).v;
          // As pool_replaces, also for a NaN. NOLINTNEXTLINE(misc-redundant-expression)
          const auto replaces = (value > best) | (value != value);
          best = replaces ? value : best;
          at = replaces ? WordVector{} + index : at;
        }
      }
      const std::int64_t to = (std::int64_t{p} * s.out.width + q) * block;
      run.store(relu ? cpu::relu({best}) : Lanes{best}, y + to);
      if (where != nullptr) run.store_indices(at, where + to);
    }
  }
}

template <bool kWhole, typename T>
void average_plane(const PoolShape& s, bool relu, const T* x, T* y, const Run<kWhole>& run) {
  const std::int64_t block = s.in.block;
  for (int p = 0; p < s.out.height; ++p) {
    for (int q = 0; q < s.out.width; ++q) {
      const PoolWindow w = pool_window_of(s, p, q);
      Lanes sum;
      for (int row = w.rows.begin; row < w.rows.end; ++row) {
        for (int column = w.columns.begin; column < w.columns.end; ++column) {
          sum = sum + run.load(x + (std::int64_t{row} * s.in.width + column) * block);
        }
      }
      const Lanes mean = 1.0F / static_cast<float>(std::max(w.seen(), 1)) * sum;
      run.store(relu ? cpu::relu(mean) : mean, y + (std::int64_t{p} * s.out.width + q) * block);
    }
  }
}

// Sets dx of a plane: each pixel is the sum of part(window row p, window column q, index of the pixel in that
// window) over the windows that see it.
template <bool kWhole, typename T, typename Part>
void gather_plane(const PoolShape& s, const T* x, T* dx, const Run<kWhole>& run, Part&& part) {
  const std::int64_t block = s.in.block;
  for (int h = 0; h < s.in.height; ++h) {
    const PoolRange rows = pool_windows_over(h, s.kernel_height, s.stride, s.pad_top, s.out.height);
    for (int w = 0; w < s.in.width; ++w) {
      const PoolRange columns = pool_windows_over(w, s.kernel_width, s.stride, s.pad_left, s.out.width);
      Lanes sum;
      for (int p = rows.begin; p < rows.end; ++p) {
        const int row = h - (p * s.stride - s.pad_top);
        for (int q = columns.begin; q < columns.end; ++q) {
          sum = sum + part(p, q, row * s.kernel_width + w - (q * s.stride - s.pad_left));
        }
      }
      const std::int64_t to = (std::int64_t{h} * s.in.width + w) * block;
      if (x != nullptr) sum = cpu::relu_backward(run.load(x + to), sum);
      run.store(sum, dx + to);
    }
  }
}

template <bool kWhole, typename T>
void max_plane_backward(const PoolShape& s, const PoolIndex* where, const T* dy, const T* x, T* dx,
                        const Run<kWhole>& run) {
  gather_plane(s, x, dx, run, [&](int p, int q, int index) {
    const std::int64_t from = (std::int64_t{p} * s.out.width + q) * s.in.block;
    const auto took = run.load_indices(where + from) == static_cast<std::uint32_t>(index);
    return Lanes{took ? run.load(dy + from).v : FloatVector{}};
  });
}

template <bool kWhole, typename T>
void average_plane_backward(const PoolShape& s, const T* dy, const T* x, T* dx, const Run<kWhole>& run) {
  gather_plane(s, x, dx, run, [&](int p, int q, int /*index*/) {
    const T* const from = dy + (std::int64_t{p} * s.out.width + q) * s.in.block;
    return 1.0F / static_cast<float>(std::max(pool_window_of(s, p, q).seen(), 1)) * run.load(from);
  });
}

// The element at an offset of a tensor, or null if there is no such tensor.
template <typename T>
T* at_or_null(T* base, std::int64_t offset) {
  return base == nullptr ? nullptr : base + offset;
}

// Calls body with a Run of `lanes` lanes.
template <typename Body>
void with_run(int lanes, Body&& body) {
  if (lanes == kLanes) {
    body(Run<true>(lanes));
  } else {
    body(Run<false>(lanes));
  }
}

}  // namespace

template <typename T>
void maxpool_forward(const PoolShape& shape, bool relu, const T* x, T* y, PoolIndex* where) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    with_run(lanes,
             [&](const auto& run) { max_plane(shape, relu, x + in, y + out, at_or_null(where, out), run); });
  });
}

template <typename T>
void avgpool_forward(const PoolShape& shape, bool relu, const T* x, T* y) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    with_run(lanes, [&](const auto& run) { average_plane(shape, relu, x + in, y + out, run); });
  });
}

template <typename T>
void maxpool_backward(const PoolShape& shape, const PoolIndex* where, const T* dy, const T* x, T* dx) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    with_run(lanes, [&](const auto& run) {
      max_plane_backward(shape, where + out, dy + out, at_or_null(x, in), dx + in, run);
    });
  });
}

template <typename T>
void avgpool_backward(const PoolShape& shape, const T* dy, const T* x, T* dx) {
  for_each_plane(shape, [&](std::int64_t in, std::int64_t out, int lanes) {
    with_run(lanes, [&](const auto& run) {
      average_plane_backward(shape, dy + out, at_or_null(x, in), dx + in, run);
    });
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
