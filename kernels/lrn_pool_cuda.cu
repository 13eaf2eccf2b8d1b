#include <algorithm>
#include <limits>

#include "kernels/cuda/lrn.cuh"
#include "kernels/lrn_pool.h"

namespace convoy::cuda {
namespace {

// A block of the forward pass computes a tile of the output: `rows` x `columns` of one image, all channels.
// It moves down the rows of the tile and keeps the normalised rows that a window sees in shared memory, in a
// ring of kernel_height rows, so that only elements that two tiles see are normalised twice.
struct Tiling {
  int rows = 0;  // of the output
  int columns = 0;
  int row_tiles = 0;
  int column_tiles = 0;
  int ring_columns = 0;  // input columns: the most that a tile sees
  std::size_t shared_bytes = 0;
};

// The limit for the ring, if narrower tiles can keep it: three blocks then fit on a multiprocessor, and every
// device has this much.
constexpr std::size_t kRingBytes = 64 * 1024;
constexpr int kMinTileRows = 4;               // of the output: with fewer, too much is normalised twice
constexpr std::int64_t kWantedBlocks = 1024;  // several for each multiprocessor

int ring_columns(const PoolShape& pool, int columns) {
  const std::int64_t seen = std::int64_t{columns - 1} * pool.stride + pool.kernel_width;
  return static_cast<int>(std::min<std::int64_t>(seen, pool.in.width));
}
std::size_t ring_bytes(const PoolShape& pool, int columns, std::size_t element_bytes) {
  return static_cast<std::size_t>(pool.kernel_height) *
         static_cast<std::size_t>(ring_columns(pool, columns)) * static_cast<std::size_t>(pool.in.block) *
         element_bytes;
}

Tiling tiling_of(const PoolShape& pool, std::size_t element_bytes) {
  Tiling tiling;
  const int width = pool.out.width;
  int tiles = 1;
  while (tiles < width && ring_bytes(pool, (width + tiles - 1) / tiles, element_bytes) > kRingBytes) ++tiles;
  tiling.columns = (width + tiles - 1) / tiles;
  tiling.column_tiles = (width + tiling.columns - 1) / tiling.columns;
  const std::int64_t across = std::int64_t{pool.in.images} * tiling.column_tiles;
  const std::int64_t wanted = (kWantedBlocks + across - 1) / across;
  const std::int64_t rows = std::max<std::int64_t>((pool.out.height + wanted - 1) / wanted, kMinTileRows);
  tiling.rows = static_cast<int>(std::min<std::int64_t>(rows, pool.out.height));
  tiling.row_tiles = (pool.out.height + tiling.rows - 1) / tiling.rows;
  tiling.ring_columns = ring_columns(pool, tiling.columns);
  tiling.shared_bytes = ring_bytes(pool, tiling.columns, element_bytes);
  return tiling;
}

// The input columns that a tile sees, [begin, end).
__device__ inline PoolRange tile_columns(const PoolShape& s, int first, int end) {
  const int last_begin = (end - 1) * s.stride - s.pad_left;
  const int begin = first * s.stride - s.pad_left;
  const int stop = last_begin + s.kernel_width;
  return {begin < 0 ? 0 : begin, stop > s.in.width ? s.in.width : stop};
}

// Normalises the input rows [begin, end) of these columns into the ring. `image` is the image in x.
template <int kSize, typename T>
__device__ inline void fill_ring(const LrnShape& lrn, const PoolShape& s, const T* image, PoolRange rows,
                                 PoolRange columns, int columns_of_ring, T* ring) {
  const ThreadPosition position = thread_position(s.in.block / kVector<T>);
  const int width = columns.end - columns.begin;
  const int height = rows.end - rows.begin;
  if (position.row >= position.rows || width <= 0 || height <= 0) return;  // windows outside of x
  const int items = width * height;
  for (int item = position.row; item < items; item += position.rows) {
    const int row = rows.begin + item / width;
    const int column = item % width;
    const T* const pixel = image + (std::int64_t{row} * s.in.width + columns.begin + column) * s.in.block;
    T* const to = ring + (row % s.kernel_height * columns_of_ring + column) * s.in.block;
    for (int v = position.column; v < s.in.block / kVector<T>; v += position.columns) {
      float values[kVector<T>];
      float denominators[kVector<T>];
      lrn_denominators<kSize>(lrn, pixel, v * kVector<T>, values, denominators);
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) values[e] *= lrn_power<T>(lrn, denominators[e]);
      store_vector(to + v * kVector<T>, values);
    }
  }
}

// The maxima of window (p, q) for a vector of channels, and their indices. `ring` begins at input
// column `first_column`.
template <typename T>
__device__ inline void pool_ring(const PoolShape& s, bool relu_output, int p, int q, int first_column,
                                 int columns_of_ring, const T* ring, float (&best)[kVector<T>],
                                 Aligned<LrnPoolIndex, kVector<T>>& index) {
  const PoolRange rows = pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height);
  const PoolRange columns = pool_window(q, s.kernel_width, s.stride, s.pad_left, s.in.width);
  const bool sees = rows.begin < rows.end && columns.begin < columns.end;
  const int top = p * s.stride - s.pad_top;
  const int left = q * s.stride - s.pad_left;
  const auto start = static_cast<LrnPoolIndex>((rows.begin - top) * s.kernel_width + columns.begin - left);
#pragma unroll
  for (int e = 0; e < kVector<T>; ++e) {
    best[e] = sees ? -std::numeric_limits<float>::infinity() : 0.0F;
    index.at[e] = sees ? start : kLrnPoolNowhere;
  }
  for (int row = rows.begin; row < rows.end; ++row) {
    const T* const line = ring + (row % s.kernel_height * columns_of_ring - first_column) * s.in.block;
    for (int column = columns.begin; column < columns.end; ++column) {
      float values[kVector<T>];
      load_vector(line + column * s.in.block, values);
      const auto here = static_cast<LrnPoolIndex>((row - top) * s.kernel_width + column - left);
#pragma unroll
      for (int e = 0; e < kVector<T>; ++e) {
        const bool replaces = pool_replaces(values[e], best[e]);
        best[e] = replaces ? values[e] : best[e];
        index.at[e] = replaces ? here : index.at[e];
      }
    }
  }
  if (!relu_output) return;
#pragma unroll
  for (int e = 0; e < kVector<T>; ++e) {
    if (best[e] <= 0.0F) {
      best[e] = 0.0F;
      index.at[e] = kLrnPoolNowhere;
    }
  }
}

template <int kSize, typename T>
__global__ void __launch_bounds__(kThreads)
    lrn_pool_forward_kernel(LrnPoolShape shape, Tiling tiling, const T* x, T* y, LrnPoolIndex* where) {
  const PoolShape& s = shape.pool;
  T* const ring = dynamic_shared<T>();
  const int vectors = s.in.block / kVector<T>;
  const ThreadPosition position = thread_position(vectors);
  const int tiles = tiling.row_tiles * tiling.column_tiles;
  for (int n = static_cast<int>(blockIdx.y); n < s.in.images; n += static_cast<int>(gridDim.y)) {
    for (int tile = static_cast<int>(blockIdx.x); tile < tiles; tile += static_cast<int>(gridDim.x)) {
      const int first_row = tile / tiling.column_tiles * tiling.rows;
      const int first_column = tile % tiling.column_tiles * tiling.columns;
      const int end_row = std::min(first_row + tiling.rows, s.out.height);
      const int end_column = std::min(first_column + tiling.columns, s.out.width);
      const PoolRange columns = tile_columns(s, first_column, end_column);
      int filled = 0;  // input rows before this one are or were in the ring
      for (int p = first_row; p < end_row; ++p) {
        const PoolRange rows = pool_window(p, s.kernel_height, s.stride, s.pad_top, s.in.height);
        fill_ring<kSize>(shape.lrn, s, x + n * s.in.image_elements(),
                         {std::max(filled, rows.begin), rows.end}, columns, tiling.ring_columns, ring);
        filled = std::max(filled, rows.end);
        __syncthreads();
        for (int q = first_column + position.row; position.row < position.rows && q < end_column;
             q += position.rows) {
          for (int v = position.column; v < vectors; v += position.columns) {
            float best[kVector<T>];
            Aligned<LrnPoolIndex, kVector<T>> index;
            pool_ring(s, shape.relu_output, p, q, columns.begin, tiling.ring_columns, ring + v * kVector<T>,
                      best, index);
            const std::int64_t to = n * s.out.image_elements() +
                                    (std::int64_t{p} * s.out.width + q) * s.out.block + v * kVector<T>;
            store_vector(y + to, best);
            if (where != nullptr) store_aligned<kVector<T>>(where + to, index);
          }
        }
        __syncthreads();
      }
    }
  }
}

// The gradient of a normalised value is gathered from the windows that see it and took it as their maximum.
template <int kSize, typename T>
__global__ void __launch_bounds__(kThreads, 3)
    lrn_pool_backward_kernel(LrnPoolShape shape, const T* x, const LrnPoolIndex* where, const T* dy, T* dx) {
  const PoolShape& s = shape.pool;
  lrn_backward_block<kSize>(
      shape.lrn, x, dx, shape.relu_input, [&](int n, int pixel, int channel, float(&sum)[kVector<T>]) {
        const int h = pixel / s.in.width;
        const int w = pixel % s.in.width;
        const PoolRange rows = pool_windows_over(h, s.kernel_height, s.stride, s.pad_top, s.out.height);
        const PoolRange columns = pool_windows_over(w, s.kernel_width, s.stride, s.pad_left, s.out.width);
#pragma unroll
        for (int e = 0; e < kVector<T>; ++e) sum[e] = 0.0F;
        for (int p = rows.begin; p < rows.end; ++p) {
          const int row = h - (p * s.stride - s.pad_top);
          for (int q = columns.begin; q < columns.end; ++q) {
            const int here = row * s.kernel_width + w - (q * s.stride - s.pad_left);
            const std::int64_t from =
                n * s.out.image_elements() + (std::int64_t{p} * s.out.width + q) * s.out.block + channel;
            const auto index = load_aligned<kVector<T>>(where + from);
            float gradients[kVector<T>];
            load_vector(dy + from, gradients);
#pragma unroll
            for (int e = 0; e < kVector<T>; ++e) sum[e] += index.at[e] == here ? gradients[e] : 0.0F;
          }
        }
      });
}

}  // namespace

bool lrn_pool_fits(const LrnPoolShape& shape, Element element, std::uint64_t shared_bytes) {
  const std::int64_t window = std::int64_t{shape.pool.kernel_height} * shape.pool.kernel_width;
  return window < kMaxLrnPoolWindow && ring_bytes(shape.pool, 1, element_bytes(element)) <= shared_bytes &&
         lrn_fits(shape.lrn, shared_bytes);
}

template <typename T>
void lrn_pool_forward(const Stream& stream, const LrnPoolShape& shape, const T* x, T* y,
                      LrnPoolIndex* where) {
  const Tiling tiling = tiling_of(shape.pool, sizeof(T));
  const dim3 grid(static_cast<unsigned>(std::min(tiling.row_tiles * tiling.column_tiles, kMaxGrid)),
                  static_cast<unsigned>(std::min(shape.pool.in.images, kMaxGrid)));
  with_lrn_size(shape.lrn, [&](auto size) {
    launch(lrn_pool_forward_kernel<size(), T>, grid, kThreads, tiling.shared_bytes, stream, shape, tiling, x,
           y, where);
  });
}

template <typename T>
void lrn_pool_backward(const Stream& stream, const LrnPoolShape& shape, const T* x, const LrnPoolIndex* where,
                       const T* dy, T* dx) {
  const LrnBlocks blocks = lrn_blocks<T>(shape.lrn.tensor);
  with_lrn_size(shape.lrn, [&](auto size) {
    launch(lrn_pool_backward_kernel<size(), T>, blocks.grid, kThreads, blocks.shared_bytes, stream, shape, x,
           where, dy, dx);
  });
}

template void lrn_pool_forward<float>(const Stream&, const LrnPoolShape&, const float*, float*,
                                      LrnPoolIndex*);
template void lrn_pool_forward<Bf16>(const Stream&, const LrnPoolShape&, const Bf16*, Bf16*, LrnPoolIndex*);
template void lrn_pool_backward<float>(const Stream&, const LrnPoolShape&, const float*, const LrnPoolIndex*,
                                       const float*, float*);
template void lrn_pool_backward<Bf16>(const Stream&, const LrnPoolShape&, const Bf16*, const LrnPoolIndex*,
                                      const Bf16*, Bf16*);

}  // namespace convoy::cuda
