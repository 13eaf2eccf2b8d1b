// The passes of Winograd's convolution over the tiles of a batch: transform, multiply over channels,
// transform back. See winograd.h.
#pragma once

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/onednn.h"
#include "kernels/winograd_tiles.h"
#include "lib/base/cache.h"
#include "lib/base/thread_count.h"

namespace convoy::winograd {

// Products of one matrix per point, c = a b or c += a b. Each thread needs an object of its own.
class PointProducts {
 public:
  PointProducts(const dnnl::engine& engine, const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                const dnnl::memory::desc& c, bool accumulate)
      : pass_(cpu::onednn_matmul(engine, a, b, c, accumulate)),
        stream_(engine),
        a_(a, engine, nullptr),
        b_(b, engine, nullptr),
        c_(c, engine, nullptr),
        scratch_(pass_.scratchpad, engine, nullptr),
        arguments_{
            {DNNL_ARG_SRC, a_}, {DNNL_ARG_WEIGHTS, b_}, {DNNL_ARG_DST, c_}, {DNNL_ARG_SCRATCHPAD, scratch_}} {
  }
  [[nodiscard]] std::size_t scratch_bytes() const { return pass_.scratchpad.get_size(); }
  [[nodiscard]] const std::string& implementation() const { return pass_.implementation; }
  void run(const float* a, const float* b, float* c, void* scratch) {
    a_.set_data_handle(const_cast<float*>(a));  // only read
    b_.set_data_handle(const_cast<float*>(b));
    c_.set_data_handle(c);
    scratch_.set_data_handle(scratch);
    pass_.primitive.execute(stream_, arguments_);
    stream_.wait();
  }

 private:
  cpu::OnednnPass pass_;
  dnnl::stream stream_;
  dnnl::memory a_;
  dnnl::memory b_;
  dnnl::memory c_;
  dnnl::memory scratch_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

// `points` row-major matrices, one after another.
inline dnnl::memory::desc matrices(std::int64_t points, std::int64_t rows, std::int64_t columns) {
  return {{points, rows, columns}, dnnl::memory::data_type::f32, {rows * columns, columns, 1}};
}
// The transposes of matrices(points, columns, rows).
inline dnnl::memory::desc transposed(std::int64_t points, std::int64_t rows, std::int64_t columns) {
  return {{points, rows, columns}, dnnl::memory::data_type::f32, {rows * columns, 1, rows}};
}

// Hands out a buffer piece by piece; each piece begins at a multiple of 64 bytes, a cache line.
class BumpAllocator {
 public:
  explicit BumpAllocator(void* buffer) : next_(static_cast<std::byte*>(buffer)) {}
  [[nodiscard]] static std::size_t padded(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
  [[nodiscard]] std::byte* take(std::size_t bytes) {
    std::byte* const piece = next_;
    next_ += padded(bytes);
    return piece;
  }
  [[nodiscard]] float* floats(std::int64_t count) {
    return reinterpret_cast<float*>(take(static_cast<std::size_t>(count) * sizeof(float)));
  }

 private:
  std::byte* next_;
};
inline std::size_t float_bytes(std::int64_t count) {
  return BumpAllocator::padded(static_cast<std::size_t>(count) * sizeof(float));
}

// The number of tiles that are worked on at a time. If the filters of all points fit into half of the
// second-level cache, it is as many as have their transforms fit into the other half; otherwise enough to
// make the time to load the filters negligible. Chunks are of nearly equal size, at least one per thread, and
// have an odd number of tiles, so that the points do not all fall on one set of the first-level cache.
inline constexpr std::int64_t kChunkOfLargeFilters = 63;
inline constexpr std::int64_t kMinChunk = 15;
inline int chunk_tiles(std::int64_t points, const Side& in, const Side& out, std::int64_t tiles,
                       int threads) {
  const std::int64_t half_cache = second_level_cache_bytes() / 2;
  const std::int64_t point_bytes = points * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t channels = in.channels();
  const std::int64_t filters = out.channels();
  std::int64_t wanted = kChunkOfLargeFilters;
  if (channels * filters * point_bytes <= half_cache) {
    wanted = std::max(half_cache / ((channels + filters) * point_bytes), kMinChunk);
  }
  const std::int64_t chunks =
      std::max<std::int64_t>((tiles + wanted - 1) / wanted, (threads + in.groups - 1) / in.groups);
  return static_cast<int>((tiles + chunks - 1) / chunks) | 1;
}

// The most memory for sums of weight gradients, of which each thread has its own.
inline constexpr std::int64_t kMaxSumBytes = std::int64_t{256} << 20;

// Consecutive tiles of one group of channels: [first, first + count), some perhaps past the last tile.
struct Chunk {
  int group = 0;
  std::int64_t first = 0;
  int count = 0;
};

// What the passes share: both sides of a convolution, cut into tiles and chunks of tiles.
template <int kKernel>
struct TiledShape {
  static constexpr std::size_t kSide = kPoints<kKernel>;

  Side in;
  Side out;
  int pad_top = 0;
  int pad_left = 0;
  Grid grid;
  int chunk = 0;            // in tiles
  std::int64_t chunks = 0;  // per group

  TiledShape(int threads, const Side& in_side, const Side& out_side, int top, int left)
      : in(in_side),
        out(out_side),
        pad_top(top),
        pad_left(left),
        grid(kKernel, in_side.shape, out_side.shape, top, left),
        chunk(chunk_tiles(kTilePoints<kKernel>, in_side, out_side, grid.tiles(), threads)),
        chunks((grid.tiles() + chunk - 1) / chunk) {}

  // Elements of a chunk's transformed tiles.
  [[nodiscard]] std::int64_t in_elements() const {
    return std::int64_t{kTilePoints<kKernel>} * chunk * in.channels();
  }
  [[nodiscard]] std::int64_t out_elements() const {
    return std::int64_t{kTilePoints<kKernel>} * chunk * out.channels();
  }

  // Calls body(index in the chunk, position) for the tiles of a chunk.
  template <typename Body>
  [[gnu::always_inline]] void for_each_tile(const Chunk& tiles, Body&& body) const {
    for (int t = 0; t < tiles.count; ++t) body(t, grid.position(tiles.first + t));
  }
  // Transforms each tile of a chunk, one block of channels after another, into [point][tile][channel], with
  // zeros past the last tile. The kTile x kTile pixels of a tile begin rows_before rows above and
  // columns_before columns left of its outputs.
  template <std::size_t kTile, typename T, typename Transform>
  [[gnu::always_inline]] void gather(const Side& side, const Chunk& tiles, int rows_before,
                                     int columns_before, const T* data, float* transformed,
                                     Transform&& transform) const {
    const int blocks = side.channels() / kLanes;
    const std::int64_t stride = std::int64_t{tiles.count} * side.channels();
    for_each_tile(tiles, [&](int t, Grid::Position position) {
      float* const to = transformed + std::int64_t{t} * side.channels();
      if (position.mosaic < 0) {
        for (int block = 0; block < blocks; ++block) store_points<kSide>({}, to + block * kLanes, stride);
        return;
      }
      position.row -= rows_before;
      position.column -= columns_before;
      const PixelOffsets<kTile> offsets = grid.offsets<kTile>(side.shape, position);
      for (int block = 0; block < blocks; ++block) {
        const auto tile = load_tile(offsets, data + side.offset(tiles.group, block));
        store_points<kSide>(transform(tile, block), to + block * kLanes, stride);
      }
    });
  }
  template <typename T>
  void gather_inputs(const Chunk& tiles, const T* x, float* transformed) const {
    gather<kSide>(in, tiles, pad_top, pad_left, x, transformed,
                  [](const Tile<kSide, kSide>& tile, int /*block*/) {
                    return transform_tile(tile, transform_input<kKernel, Lanes>);
                  });
  }
};

// What a pass does to each output on its way to memory.
template <typename T>
struct Epilogue {
  const float* bias = nullptr;     // one per output channel, added
  bool relu = false;               // then the ReLU
  const T* relu_output = nullptr;  // or: zero where this, in the output's layout, is not positive
};

// A convolution of stride 1 on transformed tiles: the forward pass, or the input gradient, which convolves
// the gradient of the output with the rotated filters.
template <int kKernel>
class TiledPass {
 public:
  TiledPass(const dnnl::engine& engine, int threads, const Side& in, const Side& out, int pad_top,
            int pad_left)
      : shape_(threads, in, out, pad_top, pad_left) {
    const ThreadCount one_thread(1);  // each primitive runs on one thread
    constexpr int kMatrices = kTilePoints<kKernel>;
    for (int t = 0; t < threads; ++t) {
      products_.push_back(
          std::make_unique<PointProducts>(engine, matrices(kMatrices, shape_.chunk, in.channels()),
                                          matrices(kMatrices, in.channels(), out.channels()),
                                          matrices(kMatrices, shape_.chunk, out.channels()), false));
    }
  }

  [[nodiscard]] std::size_t scratch_bytes() const { return products_.size() * thread_scratch_bytes(); }
  [[nodiscard]] const std::string& implementation() const { return products_.front()->implementation(); }

  // filters: [group][point][in channel][out channel].
  template <typename T>
  void run(const T* x, const float* filters, const Epilogue<T>& epilogue, T* y, void* scratch) {
    const std::int64_t chunks = shape_.chunks;
    const int threads = static_cast<int>(products_.size());
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t item = 0; item < chunks * shape_.in.groups; ++item) {
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      const Chunk chunk{static_cast<int>(item / chunks), item % chunks * shape_.chunk, shape_.chunk};
      BumpAllocator allocator(static_cast<std::byte*>(scratch) + thread * thread_scratch_bytes());
      float* const transformed = allocator.floats(shape_.in_elements());
      float* const sums = allocator.floats(shape_.out_elements());
      shape_.gather_inputs(chunk, x, transformed);
      const std::int64_t group_filters =
          std::int64_t{kTilePoints<kKernel>} * shape_.in.channels() * shape_.out.channels();
      products_[thread]->run(transformed, filters + chunk.group * group_filters, sums,
                             allocator.take(products_[thread]->scratch_bytes()));
      scatter(chunk, sums, epilogue, y);
    }
  }

 private:
  [[nodiscard]] std::size_t thread_scratch_bytes() const {
    return float_bytes(shape_.in_elements()) + float_bytes(shape_.out_elements()) +
           BumpAllocator::padded(products_.front()->scratch_bytes());
  }

  template <typename T>
  void scatter(const Chunk& chunk, const float* sums, const Epilogue<T>& epilogue, T* y) const {
    const Side& out = shape_.out;
    const std::int64_t stride = std::int64_t{chunk.count} * out.channels();
    shape_.for_each_tile(chunk, [&](int t, const Grid::Position& position) {
      if (position.mosaic < 0) return;
      const PixelOffsets<kOutputs> offsets = shape_.grid.template offsets<kOutputs>(out.shape, position);
      for (int block = 0; block < out.channels() / kLanes; ++block) {
        const int channel = block * kLanes;
        const auto points = load_points<TiledShape<kKernel>::kSide>(
            sums + std::int64_t{t} * out.channels() + channel, stride);
        const auto tile = transform_tile(points, transform_output<kKernel, Lanes>);
        const std::int64_t first = out.offset(chunk.group, block);
        T* const to = y + first;
        if (epilogue.relu_output != nullptr) {
          const T* const relu_output = epilogue.relu_output + first;
          store_tile(tile, offsets, [&](const Lanes& value, std::int64_t at) {
            store(cpu::relu_backward(load(relu_output + at), value), to + at);
          });
          continue;
        }
        const Lanes bias =
            epilogue.bias == nullptr ? Lanes() : load(epilogue.bias + chunk.group * out.channels() + channel);
        store_tile(tile, offsets, [&](const Lanes& value, std::int64_t at) {
          const Lanes sum = value + bias;
          store(epilogue.relu ? cpu::relu(sum) : sum, to + at);
        });
      }
    });
  }

  TiledShape<kKernel> shape_;
  std::vector<std::unique_ptr<PointProducts>> products_;  // one per thread
};

// The gradients of filters and bias: adjoint transforms of the output's gradient, products over tiles, and
// the sum of the threads' results in a fixed order.
template <int kKernel>
class GradientPass {
 public:
  GradientPass(const dnnl::engine& engine, int threads, const Side& in, const Side& out, int pad_top,
               int pad_left)
      : shape_(threads, in, out, pad_top, pad_left) {
    const ThreadCount one_thread(1);  // each primitive runs on one thread
    constexpr int kMatrices = kTilePoints<kKernel>;
    for (int t = 0; t < threads; ++t) {
      const auto make = [&](bool accumulate) {
        return std::make_unique<PointProducts>(engine, transposed(kMatrices, in.channels(), shape_.chunk),
                                               matrices(kMatrices, shape_.chunk, out.channels()),
                                               matrices(kMatrices, in.channels(), out.channels()),
                                               accumulate);
      };
      first_.push_back(make(false));
      further_.push_back(make(true));
    }
    share_out(threads);
  }

  [[nodiscard]] std::size_t scratch_bytes() const {
    return first_.size() * thread_scratch_bytes() + shares_.size() * share_bytes();
  }
  [[nodiscard]] const std::string& implementation() const { return further_.front()->implementation(); }

  // gradient: [group][kernel row][kernel column][in channel][out channel].
  template <typename T>
  void run(const T* x, const T* dy, float* gradient, float* bias_gradient, void* scratch) {
    const int threads = static_cast<int>(first_.size());
    auto* const share_memory =
        static_cast<std::byte*>(scratch) + static_cast<std::size_t>(threads) * thread_scratch_bytes();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (std::size_t s = 0; s < shares_.size(); ++s) {
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      BumpAllocator allocator(static_cast<std::byte*>(scratch) + thread * thread_scratch_bytes());
      BumpAllocator results(share_memory + s * share_bytes());
      float* const sums = results.floats(filter_points());
      float* const bias_sums = results.floats(shape_.out.channels());
      std::fill_n(bias_sums, shape_.out.channels(), 0.0F);
      float* const from_x = allocator.floats(shape_.in_elements());
      float* const from_dy = allocator.floats(shape_.out_elements());
      std::byte* const product_scratch = allocator.take(product_scratch_bytes());
      const Share& share = shares_[s];
      for (std::int64_t c = share.first; c < share.last; ++c) {
        const Chunk chunk{share.group, c * shape_.chunk, shape_.chunk};
        gather(chunk, x, dy, from_x, from_dy, bias_sums);
        PointProducts& products = c == share.first ? *first_[thread] : *further_[thread];
        products.run(from_x, from_dy, sums, product_scratch);
      }
    }
    finish(share_memory, gradient, bias_gradient);
  }

 private:
  static constexpr std::size_t kSide = TiledShape<kKernel>::kSide;

  // Chunks [first, last) of one group, which one thread adds up.
  struct Share {
    int group = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
  };

  // Cuts the chunks of all groups into equal parts, one per thread, and also where a group ends.
  void share_out(int threads) {
    const std::int64_t all = shape_.chunks * shape_.in.groups;
    for (int t = 0; t < threads; ++t) {
      std::int64_t at = all * t / threads;
      const std::int64_t end = all * (t + 1) / threads;
      while (at < end) {
        const std::int64_t group = at / shape_.chunks;
        const std::int64_t last = std::min(end, (group + 1) * shape_.chunks);
        shares_.push_back(
            {static_cast<int>(group), at - group * shape_.chunks, last - group * shape_.chunks});
        at = last;
      }
    }
  }
  [[nodiscard]] std::int64_t filter_points() const {
    return std::int64_t{kTilePoints<kKernel>} * shape_.in.channels() * shape_.out.channels();
  }
  [[nodiscard]] std::size_t share_bytes() const {
    return float_bytes(filter_points()) + float_bytes(shape_.out.channels());
  }
  [[nodiscard]] std::size_t product_scratch_bytes() const {
    return std::max(first_.front()->scratch_bytes(), further_.front()->scratch_bytes());
  }
  [[nodiscard]] std::size_t thread_scratch_bytes() const {
    return float_bytes(shape_.in_elements()) + float_bytes(shape_.out_elements()) +
           BumpAllocator::padded(product_scratch_bytes());
  }

  template <typename T>
  void gather(const Chunk& chunk, const T* x, const T* dy, float* from_x, float* from_dy,
              float* bias_sums) const {
    shape_.gather_inputs(chunk, x, from_x);
    shape_.template gather<kOutputs>(shape_.out, chunk, 0, 0, dy, from_dy,
                                     [&](const Tile<kOutputs, kOutputs>& tile, int block) {
                                       Lanes bias = load(bias_sums + block * kLanes);
                                       for (const auto& row : tile) {
                                         for (const Lanes& value : row) bias = bias + value;
                                       }
                                       store(bias, bias_sums + block * kLanes);
                                       return transform_tile(tile, spread_output<kKernel, Lanes>);
                                     });
  }

  // Adds up the shares of each group and transforms the sums.
  void finish(const std::byte* share_memory, float* gradient, float* bias_gradient) const {
    const int channels = shape_.in.channels();
    const int filters = shape_.out.channels();
    const std::int64_t stride = std::int64_t{channels} * filters;
    const auto of_share = [&](std::size_t s) {
      return reinterpret_cast<const float*>(share_memory + s * share_bytes());
    };
    std::fill_n(bias_gradient, shape_.out.shape.channels, 0.0F);
    for (std::size_t s = 0; s < shares_.size(); ++s) {
      const float* const sums =
          reinterpret_cast<const float*>(share_memory + s * share_bytes() + float_bytes(filter_points()));
      float* const to = bias_gradient + std::int64_t{shares_[s].group} * filters;
      for (int k = 0; k < filters; ++k) to[k] += sums[k];
    }
#pragma omp parallel for collapse(2) schedule(static)
    for (int g = 0; g < shape_.in.groups; ++g) {
      for (int c = 0; c < channels; ++c) {
        for (int k = 0; k < filters; k += kLanes) {
          const std::int64_t at = std::int64_t{c} * filters + k;
          Tile<kSide, kSide> points{};
          for (std::size_t s = 0; s < shares_.size(); ++s) {
            if (shares_[s].group != g) continue;
            const auto part = load_points<kSide>(of_share(s) + at, stride);
            for (std::size_t p = 0; p < kSide * kSide; ++p) {
              Lanes& point = points[p / kSide][p % kSide];
              point = point + part[p / kSide][p % kSide];
            }
          }
          const auto filter = transform_tile(points, gather_filter<kKernel, Lanes>);
          float* const to = gradient + std::int64_t{g} * kKernel * kKernel * stride + at;
          for (std::size_t i = 0; i < kKernel * kKernel; ++i) {
            store(filter[i / kKernel][i % kKernel], to + static_cast<std::int64_t>(i) * stride);
          }
        }
      }
    }
  }

  TiledShape<kKernel> shape_;
  std::vector<Share> shares_;
  std::vector<std::unique_ptr<PointProducts>> first_;    // one per thread: c = a b
  std::vector<std::unique_ptr<PointProducts>> further_;  // c += a b
};

}  // namespace convoy::winograd
