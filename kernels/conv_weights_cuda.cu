// The gradient of conv's weights: a product of the gradient of y (rows are filters) and gathered pixels of x
// (columns are (r, s, c)), as deep as y has pixels. That makes few tiles and a large depth, so the depth is
// cut into parts that blocks sum side by side, and a second kernel adds up the parts in order. Groups whose
// channels do not begin and end at multiples of 16 bytes are copied element by element, with each tap's
// channels padded. One more column, of ones, gives the gradient of the bias along the way.
#include <algorithm>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/conv_geometry.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/cuda/vector.cuh"

namespace convoy::cuda {
namespace {

struct WeightProblem {
  const Bf16* x;
  const Bf16* dy;
  ConvParts parts;

  int filters;         // of a group
  int padded_filters;  // filters that can be read from dy: with padding if aligned
  int columns;         // taps * channels, padding included
  int line;            // elements of a filter in dw: taps * channel_pitch
  int pixels;          // of y
  int per_part;
  int groups;
  int channels;       // of a group
  int channel_pitch;  // of a tap in dw
  int height;
  int width;
  int stride;
  int top;
  int left;
  int x_pitch;
  int y_pitch;
  PixelDivision out_pixels;
  FastDiv by_channels;
  FastDiv by_kernel_width;
};

template <typename Shape, bool kAligned>
class WeightLoader {
 public:
  using Tile = Tiles<Shape, Major::across, Major::across>;

  __device__ __forceinline__ WeightLoader(const WeightProblem& problem, int row_tile, int column_tile,
                                          int group, int first_pixel, int end_pixel)
      : problem_(problem),
        x_(problem.x + group * problem.channels),
        dy_(problem.dy + group * problem.filters),
        first_filter_(row_tile * Shape::kRows),
        first_pixel_(first_pixel),
        end_pixel_(end_pixel) {
    const int column = column_tile * Shape::kColumns + thread() % B::kChunks * kChunk;
    inside_ = column < problem.columns;
    ones_ = column == problem.columns;
    const int tap = problem.by_channels.quotient(inside_ ? column : 0);
    channel_ = problem.by_channels.remainder(inside_ ? column : 0, tap);
    channels_ = chunk_before(channel_, problem.channels);
    const int r = problem.by_kernel_width.quotient(tap);
    row_ = r - problem.top;
    column_ = problem.by_kernel_width.remainder(tap, r) - problem.left;
  }

  __device__ __forceinline__ void operator()(int step, Bf16* a, Bf16* b) const {
    const int pixel = first_pixel_ + step * Shape::kDepth;
    load_a(pixel, a);
    if (!ones_) load_b(pixel, b);
  }

  // Writes the column of ones to all stages, where it stays. Must be called before anything is loaded.
  __device__ __forceinline__ void write_ones() const {
    if (!ones_) return;
    Aligned<std::uint16_t, kChunk> chunk = {};
    chunk.at[0] = kOne;
    for (int line = thread() / B::kChunks; line < Shape::kStages * B::kLines; line += kStepB) {
      Bf16* const b = Tile::stage_b(line / B::kLines);
      store_aligned<kChunk>(
          reinterpret_cast<std::uint16_t*>(b + B::offset(line % B::kLines, thread() % B::kChunks)), chunk);
    }
  }

 private:
  using A = typename Tile::A;
  using B = typename Tile::B;
  static constexpr std::uint16_t kOne = from_float<Bf16>(1.0F).bits;
  static constexpr int kChunksA = A::kLines * A::kChunks;
  static constexpr int kStepB = Shape::kThreads / B::kChunks;
  static_assert(kChunksA % Shape::kThreads == 0 && Shape::kThreads % B::kChunks == 0 &&
                B::kLines % kStepB == 0);

  __device__ __forceinline__ static int thread() { return static_cast<int>(threadIdx.x); }
  // How many elements of the chunk at `first` come before `end`: at least one.
  __device__ __forceinline__ static int chunk_before(int first, int end) {
    if constexpr (kAligned) return kChunk;
    return end - first < kChunk ? end - first : kChunk;
  }

  __device__ __forceinline__ void load_a(int pixel, Bf16* a) const {
#pragma unroll
    for (int i = 0; i < kChunksA / Shape::kThreads; ++i) {
      const int number = thread() + i * Shape::kThreads;
      const int line = number / A::kChunks;
      const int chunk = number % A::kChunks;
      const int filter = first_filter_ + chunk * kChunk;
      const bool in_bounds = pixel + line < end_pixel_ && filter < problem_.padded_filters;
      const std::int64_t at = std::int64_t{pixel + line} * problem_.y_pitch + filter;
      const int count = chunk_before(filter, problem_.padded_filters);
      copy_chunk<kAligned>(a + A::offset(line, chunk), dy_ + (in_bounds ? at : 0), in_bounds ? count : 0);
    }
  }

  __device__ __forceinline__ void load_b(int pixel, Bf16* b) const {
#pragma unroll
    for (int i = 0; i < B::kLines / kStepB; ++i) {
      const int line = thread() / B::kChunks + i * kStepB;
      const bool exists = pixel + line < end_pixel_;
      int image = 0;
      int row = 0;
      int column = 0;
      problem_.out_pixels.split(exists ? pixel + line : 0, image, row, column);
      row = row * problem_.stride + row_;
      column = column * problem_.stride + column_;
      const bool in_bounds = exists && inside_ &&
                             static_cast<unsigned>(row) < static_cast<unsigned>(problem_.height) &&
                             static_cast<unsigned>(column) < static_cast<unsigned>(problem_.width);
      const std::int64_t at =
          std::int64_t{(image * problem_.height + row) * problem_.width + column} * problem_.x_pitch +
          channel_;
      copy_chunk<kAligned>(b + B::offset(line, thread() % B::kChunks), x_ + (in_bounds ? at : 0),
                           in_bounds ? channels_ : 0);
    }
  }

  const WeightProblem& problem_;
  const Bf16* x_;
  const Bf16* dy_;
  int first_filter_;
  int first_pixel_;
  int end_pixel_;
  bool inside_;   // whether this thread's columns exist
  bool ones_;     // whether they begin with the column of ones
  int channel_;   // the first channel of x in this thread's columns
  int channels_;  // how many channels these columns have
  int row_;       // of x, relative to the row of y times the stride
  int column_;
};

// Blocks: x counts tiles, y counts groups, z counts parts.
template <bool kAligned, typename Shape>
__global__ void __launch_bounds__(Shape::kThreads) conv_weights(const WeightProblem problem) {
  using Loader = WeightLoader<Shape, kAligned>;
  using Tile = typename Loader::Tile;
  const int column_tiles = problem.columns / Shape::kColumns + 1;  // for columns + 1 columns
  const int row_tile = static_cast<int>(blockIdx.x) / column_tiles;
  const int column_tile = static_cast<int>(blockIdx.x) % column_tiles;
  const int group = static_cast<int>(blockIdx.y);
  const int part = static_cast<int>(blockIdx.z);
  const int first = part * problem.per_part;
  const int end = first + problem.per_part < problem.pixels ? first + problem.per_part : problem.pixels;
  const Loader loader(problem, row_tile, column_tile, group, first, end);
  loader.write_ones();
  Tile tile;
  tile.multiply((end - first + Shape::kDepth - 1) / Shape::kDepth, loader);
#pragma unroll
  for (int i = 0; i < Shape::kWarpRows / 16; ++i) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int filter = row_tile * Shape::kRows + Tile::row_of(i, 2 * half);
      if (filter >= problem.filters) continue;
      const int row = group * problem.filters + filter;
      float* const line =
          problem.parts.weights + part * problem.parts.step + std::int64_t{row} * problem.line;
#pragma unroll
      for (int j = 0; j < Shape::kWarpColumns / 8; ++j) {
        const int column = column_tile * Shape::kColumns + Tile::column_of(j, 0);
        const float(&sums)[4] = tile.sums[i][j];
        if (column == problem.columns) problem.parts.bias[part * problem.parts.step + row] = sums[2 * half];
        if (column >= problem.columns) continue;
        if constexpr (kAligned) {
          store_aligned<2>(line + column, Aligned<float, 2>{{sums[2 * half], sums[2 * half + 1]}});
        } else {
          const int tap = problem.by_channels.quotient(column);  // of both: padded channel counts are even
          const int channel = problem.by_channels.remainder(column, tap);
#pragma unroll
          for (int e = 0; e < 2; ++e) {
            if (channel + e < problem.channels)
              line[tap * problem.channel_pitch + channel + e] = sums[2 * half + e];
          }
        }
      }
    }
  }
}

struct PartSums {
  const float* parts;
  int part_count;
  std::int64_t step;     // from one part to the next
  std::int64_t weights;  // in a part, followed by one bias per filter
  std::int64_t count;    // weights and biases
  float* dw;
  float* db;
};

__global__ void __launch_bounds__(kThreads) add_parts(const PartSums sums) {
  const std::int64_t stride = std::int64_t{gridDim.x} * blockDim.x;
  for (std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < sums.count; i += stride) {
    float sum = sums.parts[i];
#pragma unroll 4
    for (int part = 1; part < sums.part_count; ++part) sum += sums.parts[part * sums.step + i];
    (i < sums.weights ? sums.dw[i] : sums.db[i - sums.weights]) = sum;
  }
}

struct Plan {
  WeightTiles tiles;
  int parts;
  std::int64_t per_part;  // pixels
};

WeightTiles choose_tiles(int filters, int columns) {
  const auto padded = [](int size, int tile) { return (size + tile - 1) / tile * tile; };
  if (filters <= 64 || columns <= 64) return WeightTiles::small64x64;
  return padded(filters, 96) < padded(filters, 128) ? WeightTiles::flat96x128 : WeightTiles::square128x128;
}

// The same for all GPUs and types, so that the sums are the same too.
Plan plan_parts(const ConvGeometry& g, WeightTiles wanted) {
  constexpr int kBlocks = 2 * 132;    // two per multiprocessor of an H200
  constexpr int kMinPixels = 8 * 32;  // per part, to fill the pipeline
  const auto tiles = [](std::int64_t size, std::int64_t tile) { return (size + tile - 1) / tile; };
  const int columns = g.taps() * padded_channels(g.channels);
  Plan plan{};
  plan.tiles = wanted == WeightTiles::chosen ? choose_tiles(g.filters, columns) : wanted;
  if (!g.aligned()) plan.tiles = WeightTiles::small64x64;  // such groups have few filters and channels
  // One column more than the weights have.
  std::int64_t count = tiles(g.filters, 128) * tiles(columns + 1, 128);
  if (plan.tiles == WeightTiles::flat96x128) count = tiles(g.filters, 96) * tiles(columns + 1, 128);
  if (plan.tiles == WeightTiles::small64x64) count = tiles(g.filters, 64) * tiles(columns + 1, 64);
  const std::int64_t pixels = std::int64_t{g.images} * g.out_height * g.out_width;
  const std::int64_t most = std::max<std::int64_t>(1, pixels / kMinPixels);
  const std::int64_t parts = std::clamp<std::int64_t>(kBlocks / (count * g.groups), 1, most);
  plan.per_part = tiles(tiles(pixels, parts), 32) * 32;
  plan.parts = static_cast<int>(tiles(pixels, plan.per_part));
  return plan;
}

template <bool kAligned, typename Shape>
void launch_weights(const Stream& stream, const WeightProblem& problem, int parts) {
  const int tiles =
      ((problem.filters + Shape::kRows - 1) / Shape::kRows) * (problem.columns / Shape::kColumns + 1);
  launch(
      conv_weights<kAligned, Shape>,
      dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(problem.groups), static_cast<unsigned>(parts)),
      dim3(Shape::kThreads), WeightLoader<Shape, kAligned>::Tile::kBytes, stream, problem);
}

void sum_parts(const Stream& stream, const ConvGeometry& g, const Plan& plan, const Bf16* x, const Bf16* dy,
               const ConvParts& parts) {
  const int tap_channels = padded_channels(g.channels);
  const WeightProblem problem = {.x = x,
                                 .dy = dy,
                                 .parts = parts,
                                 .filters = g.filters,
                                 .padded_filters = g.groups == 1 ? g.y_pitch : g.filters,
                                 .columns = g.taps() * tap_channels,
                                 .line = g.taps() * g.channel_pitch,
                                 .pixels = g.out_pixels(),
                                 .per_part = static_cast<int>(plan.per_part),
                                 .groups = g.groups,
                                 .channels = g.channels,
                                 .channel_pitch = g.channel_pitch,
                                 .height = g.height,
                                 .width = g.width,
                                 .stride = g.stride,
                                 .top = g.top,
                                 .left = g.left,
                                 .x_pitch = g.x_pitch,
                                 .y_pitch = g.y_pitch,
                                 .out_pixels = PixelDivision(g.out_height, g.out_width),
                                 .by_channels = FastDiv(tap_channels),
                                 .by_kernel_width = FastDiv(g.kernel_width)};
  if (!g.aligned()) {
    return launch_weights<false, TileShape<64, 64, 32, 32, 32, 4>>(stream, problem, plan.parts);
  }
  switch (plan.tiles) {
    case WeightTiles::square128x128:
      return launch_weights<true, TileShape<128, 128, 32, 64, 64, 4>>(stream, problem, plan.parts);
    case WeightTiles::flat96x128:
      return launch_weights<true, TileShape<96, 128, 32, 48, 64, 4>>(stream, problem, plan.parts);
    case WeightTiles::chosen:
    case WeightTiles::small64x64:
      return launch_weights<true, TileShape<64, 64, 32, 32, 32, 4>>(stream, problem, plan.parts);
  }
}
void sum_parts(const Stream& stream, const ConvGeometry& g, const Plan& plan, const float* x, const float* dy,
               const ConvParts& parts) {
  plain_weight_gradient(stream, g, plan.parts, static_cast<int>(plan.per_part), x, dy, parts);
}

// The size of a part in scratch: weights and bias, padded so that the next part's rows are aligned too.
std::int64_t part_elements(const ConvShape& shape) {
  return filter_elements(shape) + padded_channels(shape.filters);
}

}  // namespace

std::uint64_t conv_weight_gradient_scratch(const ConvShape& shape, WeightTiles tiles) {
  const Plan plan = plan_parts(ConvGeometry(shape), tiles);
  if (plan.parts == 1) return 0;
  return sizeof(float) * static_cast<std::uint64_t>(plan.parts) *
         static_cast<std::uint64_t>(part_elements(shape));
}

template <typename T>
void conv_weight_gradient(const Stream& stream, const ConvShape& shape, const T* x, const T* dy, float* dw,
                          float* db, float* scratch, WeightTiles tiles) {
  const ConvGeometry geometry(shape);
  const Plan plan = plan_parts(geometry, tiles);
  const std::int64_t weights = filter_elements(shape);
  const std::int64_t step = part_elements(shape);
  if (plan.parts == 1) return sum_parts(stream, geometry, plan, x, dy, {dw, db, step});
  sum_parts(stream, geometry, plan, x, dy, {scratch, scratch + weights, step});
  const PartSums sums = {scratch, plan.parts, step, weights, weights + shape.filters, dw, db};
  launch(add_parts, dim3(blocks_for(sums.count, kThreads)), dim3(kThreads), 0, stream, sums);
}

template void conv_weight_gradient(const Stream&, const ConvShape&, const float*, const float*, float*,
                                   float*, float*, WeightTiles);
template void conv_weight_gradient(const Stream&, const ConvShape&, const Bf16*, const Bf16*, float*, float*,
                                   float*, WeightTiles);

}  // namespace convoy::cuda
