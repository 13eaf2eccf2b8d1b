#include <omp.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "kernels/onednn.h"
#include "kernels/winograd.h"
#include "kernels/winograd_transform.h"
#include "lib/base/thread_count.h"

namespace convoy::cpu {
namespace {

using dnnl::memory;
using namespace winograd;

constexpr int kLanes = 16;  // channels of a block of activations
constexpr int kTilePoints = kPoints * kPoints;

// The channels of a block at one pixel.
struct Lanes {
  float v __attribute__((vector_size(kLanes * sizeof(float)))) = {};
  friend Lanes operator+(const Lanes& a, const Lanes& b) { return {a.v + b.v}; }
  friend Lanes operator-(const Lanes& a, const Lanes& b) { return {a.v - b.v}; }
  friend Lanes operator*(float a, const Lanes& b) { return {a * b.v}; }
};

[[gnu::always_inline]] inline Lanes load(const float* from) {
  Lanes lanes;
  std::memcpy(&lanes.v, from, sizeof lanes.v);
  return lanes;
}
[[gnu::always_inline]] inline void store(const Lanes& lanes, float* to) {
  std::memcpy(to, &lanes.v, sizeof lanes.v);
}

template <std::size_t kRows, std::size_t kColumns>
using Tile = std::array<std::array<Lanes, kColumns>, kRows>;

// Applies a one-dimensional transform to the columns of a square tile, then to the rows.
template <std::size_t kSide, typename Transform>
[[gnu::always_inline]] inline auto transform_tile(const Tile<kSide, kSide>& in, Transform&& transform) {
  constexpr std::size_t kResult = std::tuple_size_v<decltype(transform(in[0]))>;
  Tile<kResult, kSide> between;
  for (std::size_t c = 0; c < kSide; ++c) {
    std::array<Lanes, kSide> column;
    for (std::size_t r = 0; r < kSide; ++r) column[r] = in[r][c];
    const std::array<Lanes, kResult> result = transform(column);
    for (std::size_t r = 0; r < kResult; ++r) between[r][c] = result[r];
  }
  Tile<kResult, kResult> out;
  for (std::size_t r = 0; r < kResult; ++r) out[r] = transform(between[r]);
  return out;
}

// Transformed tiles lie as [point][row][column], rows being tiles or channels; `stride`: between points.
[[gnu::always_inline]] inline Tile<kPoints, kPoints> load_points(const float* from, std::int64_t stride) {
  Tile<kPoints, kPoints> tile;
  for (int p = 0; p < kTilePoints; ++p) {
    tile[static_cast<std::size_t>(p / kPoints)][static_cast<std::size_t>(p % kPoints)] =
        load(from + p * stride);
  }
  return tile;
}
[[gnu::always_inline]] inline void store_points(const Tile<kPoints, kPoints>& tile, float* to,
                                                std::int64_t stride) {
  for (int p = 0; p < kTilePoints; ++p) {
    store(tile[static_cast<std::size_t>(p / kPoints)][static_cast<std::size_t>(p % kPoints)],
          to + p * stride);
  }
}

// One block of channels of one image.
template <typename Float>
struct Plane {
  Float* data = nullptr;
  int height = 0;
  int width = 0;
  [[nodiscard]] bool holds(int row, int column) const {
    return row >= 0 && row < height && column >= 0 && column < width;
  }
  [[nodiscard]] Float* at(int row, int column) const {
    return data + (std::int64_t{row} * width + column) * kLanes;
  }
};

// The tile whose first pixel is (top, left), zero outside of the image.
template <std::size_t kSide>
[[gnu::always_inline]] inline Tile<kSide, kSide> load_tile(const Plane<const float>& plane, int top,
                                                           int left) {
  constexpr int kLast = static_cast<int>(kSide) - 1;
  Tile<kSide, kSide> tile;
  const bool whole = plane.holds(top, left) && plane.holds(top + kLast, left + kLast);
  for (std::size_t r = 0; r < kSide; ++r) {
    const int row = top + static_cast<int>(r);
    for (std::size_t c = 0; c < kSide; ++c) {
      const int column = left + static_cast<int>(c);
      tile[r][c] = whole || plane.holds(row, column) ? load(plane.at(row, column)) : Lanes();
    }
  }
  return tile;
}

// Stores what of the tile lies in the image, each value plus `added`, then the ReLU where wanted.
template <std::size_t kSide>
[[gnu::always_inline]] inline void store_tile(const Tile<kSide, kSide>& tile, const Lanes& added, bool relu,
                                              const Plane<float>& plane, int top, int left) {
  const auto rows = static_cast<std::size_t>(std::min(static_cast<int>(kSide), plane.height - top));
  const auto columns = static_cast<std::size_t>(std::min(static_cast<int>(kSide), plane.width - left));
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      Lanes value = tile[r][c] + added;
      if (relu) value.v = value.v > 0.0F ? value.v : Lanes().v;
      store(value, plane.at(top + static_cast<int>(r), left + static_cast<int>(c)));
    }
  }
}

// The tiles that cover the outputs of all images, in the order of images, rows, columns.
struct Grid {
  int side = 0;  // outputs of a tile
  int images = 0;
  int rows = 0;  // of tiles
  int columns = 0;
  Grid(int tile_side, const TensorShape& out)
      : side(tile_side),
        images(out.images),
        rows((out.height + tile_side - 1) / tile_side),
        columns((out.width + tile_side - 1) / tile_side) {}
  [[nodiscard]] std::int64_t tiles() const { return std::int64_t{images} * rows * columns; }
};

// Some consecutive tiles of one group of channels: [first, first + count), perhaps beyond the last tile.
struct Chunk {
  int group = 0;
  std::int64_t first = 0;
  int count = 0;
};

// Calls body(index in the chunk, image, first row of outputs, first column) for its tiles; image is -1 beyond
// the last.
template <typename Body>
[[gnu::always_inline]] inline void for_each_tile(const Grid& grid, const Chunk& chunk, Body&& body) {
  const std::int64_t of_image = std::int64_t{grid.rows} * grid.columns;
  for (int t = 0; t < chunk.count; ++t) {
    const std::int64_t tile = chunk.first + t;
    if (tile >= grid.tiles()) {
      body(t, -1, 0, 0);
      continue;
    }
    const int in_image = static_cast<int>(tile % of_image);
    body(t, static_cast<int>(tile / of_image), in_image / grid.columns * grid.side,
         in_image % grid.columns * grid.side);
  }
}

// Activations of one side of the convolution, their channels in groups.
struct Side {
  TensorShape shape;
  int groups = 1;
  [[nodiscard]] int channels() const { return shape.channels / groups; }
  template <typename Float>
  [[nodiscard]] Plane<Float> plane(Float* data, int image, int group, int block) const {
    return {data + image * shape.image_elements() +
                (std::int64_t{group} * (channels() / kLanes) + block) * shape.pixels() * kLanes,
            shape.height, shape.width};
  }
};

// Products of one matrix a point: c = a b, or c += a b; bound to one thread's buffers.
class PointProducts {
 public:
  PointProducts(const dnnl::engine& engine, const memory::desc& a, const memory::desc& b,
                const memory::desc& c, bool accumulate)
      : pass_(onednn_matmul(engine, a, b, c, accumulate)),
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
  OnednnPass pass_;
  dnnl::stream stream_;
  memory a_;
  memory b_;
  memory c_;
  memory scratch_;
  std::unordered_map<int, memory> arguments_;
};

// One matrix a point, rows after one another.
memory::desc matrices(std::int64_t rows, std::int64_t columns) {
  return {{kTilePoints, rows, columns}, memory::data_type::f32, {rows * columns, columns, 1}};
}
// The transposes of matrices(columns, rows).
memory::desc transposed(std::int64_t rows, std::int64_t columns) {
  return {{kTilePoints, rows, columns}, memory::data_type::f32, {rows * columns, 1, rows}};
}

// A part of a buffer that is handed out piece by piece, each at the start of a cache line of the buffer.
class Carver {
 public:
  explicit Carver(void* buffer) : next_(static_cast<std::byte*>(buffer)) {}
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
std::size_t float_bytes(std::int64_t count) {
  return Carver::padded(static_cast<std::size_t>(count) * sizeof(float));
}

// Tiles worked on at a time. Where the filters of all points fit into half of a second-level cache, so many
// that the chunk's transformed tiles fit into the other half; else enough that loading the filters does not
// count. Chunks are of nearly equal size, at least one a thread, and of an odd number of tiles, so that the
// points do not fall on one set of the first-level cache.
constexpr std::int64_t kHalfCacheBytes = 1 << 20;
constexpr std::int64_t kChunkOfLargeFilters = 63;
constexpr std::int64_t kMinChunk = 15;
int chunk_tiles(const Side& in, const Side& out, std::int64_t tiles, int threads) {
  constexpr std::int64_t kPointBytes = kTilePoints * static_cast<std::int64_t>(sizeof(float));
  const std::int64_t channels = in.channels();
  const std::int64_t filters = out.channels();
  std::int64_t wanted = kChunkOfLargeFilters;
  if (channels * filters * kPointBytes <= kHalfCacheBytes) {
    wanted = std::max(kHalfCacheBytes / ((channels + filters) * kPointBytes), kMinChunk);
  }
  const std::int64_t chunks =
      std::max<std::int64_t>((tiles + wanted - 1) / wanted, (threads + in.groups - 1) / in.groups);
  return static_cast<int>((tiles + chunks - 1) / chunks) | 1;
}

// Each thread that adds up weight gradients has its own sums; beyond this the threads are too many.
constexpr std::int64_t kMaxSumBytes = std::int64_t{256} << 20;

// The transformed inputs of a chunk's tiles: [point][tile][channel].
void gather_inputs(const Side& in, const Grid& grid, const Chunk& chunk, int pad_top, int pad_left,
                   const float* x, float* transformed) {
  const int blocks = in.channels() / kLanes;
  const std::int64_t stride = std::int64_t{chunk.count} * in.channels();
  for_each_tile(grid, chunk, [&](int t, int image, int row, int column) {
    float* const to = transformed + std::int64_t{t} * in.channels();
    for (int block = 0; block < blocks; ++block) {
      if (image < 0) {
        store_points({}, to + block * kLanes, stride);
        continue;
      }
      const Plane<const float> plane = in.plane(x, image, chunk.group, block);
      const auto tile = load_tile<kPoints>(plane, row - pad_top, column - pad_left);
      store_points(transform_tile(tile, transform_input<Lanes>), to + block * kLanes, stride);
    }
  });
}

// A convolution of stride 1 on transformed tiles: the forward pass, or the input gradient, which is the
// convolution of the output's gradient with the filters turned around.
template <int kKernel>
class TiledPass {
 public:
  TiledPass(const dnnl::engine& engine, int threads, const Side& in, const Side& out, int pad_top,
            int pad_left)
      : in_(in), out_(out), pad_top_(pad_top), pad_left_(pad_left), grid_(kOutputs<kKernel>, out.shape) {
    chunk_ = chunk_tiles(in, out, grid_.tiles(), threads);
    const ThreadCount one_thread(1);  // each primitive runs on one thread
    for (int t = 0; t < threads; ++t) {
      products_.push_back(std::make_unique<PointProducts>(engine, matrices(chunk_, in.channels()),
                                                          matrices(in.channels(), out.channels()),
                                                          matrices(chunk_, out.channels()), false));
    }
  }

  [[nodiscard]] std::size_t scratch_bytes() const { return products_.size() * thread_scratch_bytes(); }
  [[nodiscard]] const std::string& implementation() const { return products_.front()->implementation(); }

  // filters: [group][point][in channel][out channel]. bias: one an output channel, or nullptr.
  void run(const float* x, const float* filters, const float* bias, bool relu, float* y, void* scratch) {
    const std::int64_t chunks = (grid_.tiles() + chunk_ - 1) / chunk_;
    const int threads = static_cast<int>(products_.size());
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t item = 0; item < chunks * in_.groups; ++item) {
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      const Chunk chunk{static_cast<int>(item / chunks), item % chunks * chunk_, chunk_};
      Carver carver(static_cast<std::byte*>(scratch) + thread * thread_scratch_bytes());
      float* const transformed = carver.floats(in_elements());
      float* const sums = carver.floats(out_elements());
      gather_inputs(in_, grid_, chunk, pad_top_, pad_left_, x, transformed);
      const std::int64_t group_filters = std::int64_t{kTilePoints} * in_.channels() * out_.channels();
      products_[thread]->run(transformed, filters + chunk.group * group_filters, sums,
                             carver.take(products_[thread]->scratch_bytes()));
      scatter(chunk, sums, bias, relu, y);
    }
  }

 private:
  [[nodiscard]] std::int64_t in_elements() const {
    return std::int64_t{kTilePoints} * chunk_ * in_.channels();
  }
  [[nodiscard]] std::int64_t out_elements() const {
    return std::int64_t{kTilePoints} * chunk_ * out_.channels();
  }
  [[nodiscard]] std::size_t thread_scratch_bytes() const {
    return float_bytes(in_elements()) + float_bytes(out_elements()) +
           Carver::padded(products_.front()->scratch_bytes());
  }

  void scatter(const Chunk& chunk, const float* sums, const float* bias, bool relu, float* y) const {
    const int blocks = out_.channels() / kLanes;
    const std::int64_t stride = std::int64_t{chunk.count} * out_.channels();
    for_each_tile(grid_, chunk, [&](int t, int image, int row, int column) {
      if (image < 0) return;
      for (int block = 0; block < blocks; ++block) {
        const int channel = block * kLanes;
        const auto points = load_points(sums + std::int64_t{t} * out_.channels() + channel, stride);
        const Lanes added = bias == nullptr ? Lanes() : load(bias + chunk.group * out_.channels() + channel);
        store_tile(transform_tile(points, transform_output<kKernel, Lanes>), added, relu,
                   out_.plane(y, image, chunk.group, block), row, column);
      }
    });
  }

  Side in_;
  Side out_;
  int pad_top_;
  int pad_left_;
  Grid grid_;
  int chunk_ = 0;
  std::vector<std::unique_ptr<PointProducts>> products_;  // one a thread
};

// The gradients of filters and bias: adjoint transforms of the outputs' gradient, products over tiles, and
// the sum of what the threads made, in their order.
template <int kKernel>
class GradientPass {
 public:
  GradientPass(const dnnl::engine& engine, int threads, const Side& in, const Side& out, int pad_top,
               int pad_left)
      : in_(in), out_(out), pad_top_(pad_top), pad_left_(pad_left), grid_(kOutputs<kKernel>, out.shape) {
    chunk_ = chunk_tiles(in, out, grid_.tiles(), threads);
    chunks_ = (grid_.tiles() + chunk_ - 1) / chunk_;
    const ThreadCount one_thread(1);  // each primitive runs on one thread
    for (int t = 0; t < threads; ++t) {
      const auto make = [&](bool accumulate) {
        return std::make_unique<PointProducts>(engine, transposed(in.channels(), chunk_),
                                               matrices(chunk_, out.channels()),
                                               matrices(in.channels(), out.channels()), accumulate);
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
  void run(const float* x, const float* dy, float* gradient, float* bias_gradient, void* scratch) {
    const int threads = static_cast<int>(first_.size());
    auto* const share_memory =
        static_cast<std::byte*>(scratch) + static_cast<std::size_t>(threads) * thread_scratch_bytes();
#pragma omp parallel for schedule(static, 1) num_threads(threads)
    for (std::size_t s = 0; s < shares_.size(); ++s) {
      const auto thread = static_cast<std::size_t>(omp_get_thread_num());
      Carver carver(static_cast<std::byte*>(scratch) + thread * thread_scratch_bytes());
      Carver results(share_memory + s * share_bytes());
      float* const sums = results.floats(filter_points());
      float* const bias_sums = results.floats(out_.channels());
      std::fill_n(bias_sums, out_.channels(), 0.0F);
      float* const from_x = carver.floats(std::int64_t{kTilePoints} * chunk_ * in_.channels());
      float* const from_dy = carver.floats(std::int64_t{kTilePoints} * chunk_ * out_.channels());
      std::byte* const product_scratch = carver.take(product_scratch_bytes());
      const Share& share = shares_[s];
      for (std::int64_t c = share.first; c < share.last; ++c) {
        const Chunk chunk{share.group, c * chunk_, chunk_};
        gather(chunk, x, dy, from_x, from_dy, bias_sums);
        PointProducts& products = c == share.first ? *first_[thread] : *further_[thread];
        products.run(from_x, from_dy, sums, product_scratch);
      }
    }
    finish(share_memory, gradient, bias_gradient);
  }

 private:
  // Chunks [first, last) of one group, added up together.
  struct Share {
    int group = 0;
    std::int64_t first = 0;
    std::int64_t last = 0;
  };

  // Equal parts of the chunks of all groups, cut where a group ends.
  void share_out(int threads) {
    const std::int64_t all = chunks_ * in_.groups;
    for (int t = 0; t < threads; ++t) {
      std::int64_t at = all * t / threads;
      const std::int64_t end = all * (t + 1) / threads;
      while (at < end) {
        const std::int64_t group = at / chunks_;
        const std::int64_t last = std::min(end, (group + 1) * chunks_);
        shares_.push_back({static_cast<int>(group), at - group * chunks_, last - group * chunks_});
        at = last;
      }
    }
  }
  [[nodiscard]] std::int64_t filter_points() const {
    return std::int64_t{kTilePoints} * in_.channels() * out_.channels();
  }
  [[nodiscard]] std::size_t share_bytes() const {
    return float_bytes(filter_points()) + float_bytes(out_.channels());
  }
  [[nodiscard]] std::size_t product_scratch_bytes() const {
    return std::max(first_.front()->scratch_bytes(), further_.front()->scratch_bytes());
  }
  [[nodiscard]] std::size_t thread_scratch_bytes() const {
    return float_bytes(std::int64_t{kTilePoints} * chunk_ * in_.channels()) +
           float_bytes(std::int64_t{kTilePoints} * chunk_ * out_.channels()) +
           Carver::padded(product_scratch_bytes());
  }

  void gather(const Chunk& chunk, const float* x, const float* dy, float* from_x, float* from_dy,
              float* bias_sums) const {
    gather_inputs(in_, grid_, chunk, pad_top_, pad_left_, x, from_x);
    const std::int64_t stride = std::int64_t{chunk.count} * out_.channels();
    for_each_tile(grid_, chunk, [&](int t, int image, int row, int column) {
      float* const to = from_dy + std::int64_t{t} * out_.channels();
      for (int block = 0; block < out_.channels() / kLanes; ++block) {
        if (image < 0) {
          store_points({}, to + block * kLanes, stride);
          continue;
        }
        const auto tile =
            load_tile<kOutputs<kKernel>>(out_.plane(dy, image, chunk.group, block), row, column);
        Lanes bias = load(bias_sums + block * kLanes);
        for (const auto& tile_row : tile) {
          for (const Lanes& value : tile_row) bias = bias + value;
        }
        store(bias, bias_sums + block * kLanes);
        store_points(transform_tile(tile, spread_output<kKernel, Lanes>), to + block * kLanes, stride);
      }
    });
  }

  // Adds up the shares of each group, and transforms them.
  void finish(const std::byte* share_memory, float* gradient, float* bias_gradient) const {
    const int channels = in_.channels();
    const int filters = out_.channels();
    const std::int64_t stride = std::int64_t{channels} * filters;
    const auto of_share = [&](std::size_t s) {
      return reinterpret_cast<const float*>(share_memory + s * share_bytes());
    };
    std::fill_n(bias_gradient, out_.shape.channels, 0.0F);
    for (std::size_t s = 0; s < shares_.size(); ++s) {
      const float* const sums =
          reinterpret_cast<const float*>(share_memory + s * share_bytes() + float_bytes(filter_points()));
      float* const to = bias_gradient + std::int64_t{shares_[s].group} * filters;
      for (int k = 0; k < filters; ++k) to[k] += sums[k];
    }
#pragma omp parallel for collapse(2) schedule(static)
    for (int g = 0; g < in_.groups; ++g) {
      for (int c = 0; c < channels; ++c) {
        for (int k = 0; k < filters; k += kLanes) {
          const std::int64_t at = std::int64_t{c} * filters + k;
          Tile<kPoints, kPoints> points{};
          for (std::size_t s = 0; s < shares_.size(); ++s) {
            if (shares_[s].group != g) continue;
            const auto part = load_points(of_share(s) + at, stride);
            for (std::size_t p = 0; p < kTilePoints; ++p) {
              Lanes& point = points[p / kPoints][p % kPoints];
              point = point + part[p / kPoints][p % kPoints];
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

  Side in_;
  Side out_;
  int pad_top_;
  int pad_left_;
  Grid grid_;
  int chunk_ = 0;
  std::int64_t chunks_ = 0;  // of a group
  std::vector<Share> shares_;
  std::vector<std::unique_ptr<PointProducts>> first_;    // one a thread: c = a b
  std::vector<std::unique_ptr<PointProducts>> further_;  // c += a b
};

// Master weights lie as [group][kernel row][kernel column][channel][filter].
template <int kKernel>
class WinogradProduct final : public Product {
 public:
  WinogradProduct(const ConvShape& s, const ProductOptions& options)
      : shape_(s), relu_(options.relu), engine_(dnnl::engine::kind::cpu, 0), threads_(omp_get_max_threads()) {
    src_ = {{s.images, s.channels, s.height, s.width, kLanes}, s.groups};
    dst_ = {{s.images, s.filters, s.out_height(), s.out_width(), kLanes}, s.groups};
    forward_.emplace(engine_, threads_, src_, dst_, s.pad_top, s.pad_left);
    note("forward", forward_->implementation());
    scratch_bytes_ = forward_->scratch_bytes();
    if (!options.train) return;
    gradient_.emplace(engine_, threads_, src_, dst_, s.pad_top, s.pad_left);
    note("backward_weights", gradient_->implementation());
    scratch_bytes_ = std::max(scratch_bytes_, gradient_->scratch_bytes());
    if (!options.input_gradient) return;
    backward_.emplace(engine_, threads_, dst_, src_, kKernel - 1 - s.pad_top, kKernel - 1 - s.pad_left);
    note("backward_data", backward_->implementation());
    scratch_bytes_ = std::max(scratch_bytes_, backward_->scratch_bytes());
  }

  [[nodiscard]] const TensorShape& src() const override { return src_.shape; }
  [[nodiscard]] const TensorShape& dst() const override { return dst_.shape; }
  [[nodiscard]] std::size_t master_elements() const override {
    return static_cast<std::size_t>(shape_.weights());
  }
  [[nodiscard]] std::size_t forward_bytes() const override { return copy_bytes(); }
  [[nodiscard]] std::size_t backward_bytes() const override { return backward_ ? copy_bytes() : 0; }
  [[nodiscard]] std::size_t bias_elements() const override {
    return static_cast<std::size_t>(shape_.filters);
  }
  [[nodiscard]] std::size_t scratch_bytes() const override { return scratch_bytes_; }
  [[nodiscard]] int activation_reorders() const override { return 0; }
  [[nodiscard]] std::vector<std::string> describe() const override { return lines_; }

  void pack(std::span<const float> canonical, float* master) const override {
    for_each_weight([&](std::size_t from, std::size_t to) { master[to] = canonical[from]; });
  }
  void unpack(const float* master, std::span<float> canonical) const override {
    for_each_weight([&](std::size_t to, std::size_t from) { canonical[to] = master[from]; });
  }
  void refresh(const ProductWeights& weights) override {
    refresh_forward(weights.master, static_cast<float*>(weights.forward));
    if (backward_) refresh_backward(weights.master, static_cast<float*>(weights.backward));
  }

  void forward(const void* src, const ProductWeights& weights, void* dst, void* scratch) override {
    forward_->run(static_cast<const float*>(src), static_cast<const float*>(weights.forward), weights.bias,
                  relu_, static_cast<float*>(dst), scratch);
  }
  void backward_weights(const void* src, const void* diff_dst, float* diff_weights, float* diff_bias,
                        void* scratch) override {
    gradient_->run(static_cast<const float*>(src), static_cast<const float*>(diff_dst), diff_weights,
                   diff_bias, scratch);
  }
  void backward_data(const void* diff_dst, const ProductWeights& weights, void* diff_src,
                     void* scratch) override {
    backward_->run(static_cast<const float*>(diff_dst), static_cast<const float*>(weights.backward), nullptr,
                   false, static_cast<float*>(diff_src), scratch);
  }

 private:
  [[nodiscard]] int channels() const { return src_.channels(); }
  [[nodiscard]] int filters() const { return dst_.channels(); }
  [[nodiscard]] std::size_t copy_bytes() const {
    return master_elements() / (kKernel * kKernel) * kTilePoints * sizeof(float);
  }
  // Calls body(index in PyTorch's order, index in the master's).
  template <typename Body>
  void for_each_weight(Body&& body) const {
    std::size_t canonical = 0;
    for (int k = 0; k < shape_.filters; ++k) {
      for (int c = 0; c < channels(); ++c) {
        for (int i = 0; i < kKernel * kKernel; ++i) {
          const std::int64_t at = std::int64_t{k / filters()} * kKernel * kKernel + i;
          body(canonical++, static_cast<std::size_t>((at * channels() + c) * filters() + k % filters()));
        }
      }
    }
  }
  // The filters of 16 outputs for one channel, transformed; `turned`: turned around first.
  [[nodiscard]] Tile<kPoints, kPoints> transformed_filters(const float* master, int group, int channel,
                                                           int filter, bool turned) const {
    constexpr std::size_t kLast = kKernel * kKernel - 1;
    const std::int64_t stride = std::int64_t{channels()} * filters();
    const float* const from =
        master + group * (kLast + 1) * stride + std::int64_t{channel} * filters() + filter;
    Tile<kKernel, kKernel> taps;
    for (std::size_t i = 0; i <= kLast; ++i) {
      const std::size_t to = turned ? kLast - i : i;
      taps[to / kKernel][to % kKernel] = load(from + static_cast<std::int64_t>(i) * stride);
    }
    return transform_tile(taps, transform_filter<kKernel, Lanes>);
  }
  // [group][point][channel][filter]
  void refresh_forward(const float* master, float* copy) const {
    const std::int64_t stride = std::int64_t{channels()} * filters();
#pragma omp parallel for collapse(2) schedule(static)
    for (int g = 0; g < shape_.groups; ++g) {
      for (int c = 0; c < channels(); ++c) {
        for (int k = 0; k < filters(); k += kLanes) {
          store_points(transformed_filters(master, g, c, k, false),
                       copy + g * kTilePoints * stride + std::int64_t{c} * filters() + k, stride);
        }
      }
    }
  }
  // [group][point][filter][channel]
  void refresh_backward(const float* master, float* copy) const {
    const std::int64_t stride = std::int64_t{channels()} * filters();
#pragma omp parallel for collapse(3) schedule(static)
    for (int g = 0; g < shape_.groups; ++g) {
      for (int c = 0; c < channels(); c += kLanes) {
        for (int k = 0; k < filters(); k += kLanes) {
          std::array<float, std::size_t{kTilePoints} * kLanes * kLanes> square;  // [point][channel][filter]
          for (int i = 0; i < kLanes; ++i) {
            store_points(transformed_filters(master, g, c + i, k, true), square.data() + i * kLanes,
                         std::int64_t{kLanes} * kLanes);
          }
          for (int p = 0; p < kTilePoints; ++p) {
            const float* const from = square.data() + std::ptrdiff_t{p} * kLanes * kLanes;
            float* const to =
                copy + (std::int64_t{g} * kTilePoints + p) * stride + std::int64_t{k} * channels() + c;
            for (int j = 0; j < kLanes; ++j) {
              for (int i = 0; i < kLanes; ++i) to[std::int64_t{j} * channels() + i] = from[i * kLanes + j];
            }
          }
        }
      }
    }
  }
  void note(const std::string& direction, const std::string& implementation) {
    lines_.push_back(direction + " winograd of " + std::to_string(kOutputs<kKernel>) + "x" +
                     std::to_string(kOutputs<kKernel>) + " outputs, " + implementation +
                     " src-block=16 dst-block=16");
  }

  ConvShape shape_;
  bool relu_;
  dnnl::engine engine_;
  int threads_;
  Side src_;
  Side dst_;
  std::optional<TiledPass<kKernel>> forward_;
  std::optional<TiledPass<kKernel>> backward_;
  std::optional<GradientPass<kKernel>> gradient_;
  std::size_t scratch_bytes_ = 0;
  std::vector<std::string> lines_;
};

// With 32 channels and 32 filters the transforms cost what the products save. The sums of the weight
// gradient, written by every thread, want tiles enough to pay for them.
constexpr int kMinChannels = 32;
constexpr std::int64_t kMinTiles = 16;
constexpr std::int64_t kMinTrainingTiles = 128;

}  // namespace

bool winograd_serves(const ConvShape& s, const ProductOptions& options) {
  const int kernel = s.kernel_height;
  if (options.element != Element::f32 || kernel != s.kernel_width || (kernel != 3 && kernel != 5))
    return false;
  if (s.stride != 1 || s.pad_top >= kernel || s.pad_left >= kernel) return false;
  if (options.src_block.value_or(kLanes) != kLanes) return false;
  const int channels = s.channels / s.groups;
  const int filters = s.filters / s.groups;
  if (channels % kLanes != 0 || filters % kLanes != 0) return false;
  if (channels < kMinChannels || filters < kMinChannels) return false;
  const Grid grid(kPoints + 1 - kernel, {s.images, s.filters, s.out_height(), s.out_width(), kLanes});
  if (grid.tiles() < (options.train ? kMinTrainingTiles : kMinTiles)) return false;
  const std::int64_t sums =
      std::int64_t{kTilePoints} * channels * filters * static_cast<std::int64_t>(sizeof(float));
  return !options.train || sums * (omp_get_max_threads() + s.groups - 1) <= kMaxSumBytes;
}

std::unique_ptr<Product> make_winograd(const ConvShape& shape, const ProductOptions& options) {
  if (shape.kernel_height == 3) return std::make_unique<WinogradProduct<3>>(shape, options);
  return std::make_unique<WinogradProduct<5>>(shape, options);
}

}  // namespace convoy::cpu
