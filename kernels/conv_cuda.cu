// conv forward and the gradient of its input, on the tensor cores. Both are products of gathered pixels
// (rows) with the weights (columns): the rows of the matrix that im2col would make are copied piece by piece
// to shared memory.
//   forward:   rows are pixels of y, depth is (r, s, c), columns are filters
//   gradient:  rows are pixels of x, depth is (r, s, k), columns are channels; strides of 1 only
#include <algorithm>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/conv.h"
#include "kernels/cuda/conv_geometry.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

enum class Pass { forward, gradient };

struct GatherProblem {
  const Bf16* source;   // x or dy
  const Bf16* weights;  // [K][taps][channel_pitch]
  const float* bias;    // forward; of all groups
  const Bf16* mask;     // gradient: relu_output, or null
  Bf16* result;
  bool relu;

  int rows;            // pixels of the result
  int columns;         // of a group's result, filling included
  int depth;           // taps * depth_channels
  int depth_channels;  // of a group's source at a tap, filling included
  int real_filters;    // of a group: weights exist for these
  int column_tiles;
  int source_height;
  int source_width;
  int source_pitch;
  int result_pitch;
  int channel_pitch;
  int taps;
  int stride;     // forward
  int first_row;  // of the source, of row 0 of the result at tap 0
  int first_column;
  PixelDivision result_pixels;
  FastDiv by_channels;
  FastDiv by_kernel_width;
};

// Copies chunks of the problem's tiles to shared memory. The calling thread copies the same chunk of every
// kStep-th line.
template <typename Shape, Pass kPass>
class GatherLoader {
 public:
  static constexpr Major kMajorB = kPass == Pass::forward ? Major::depth : Major::across;
  using Tile = Tiles<Shape, Major::depth, kMajorB>;

  __device__ __forceinline__ GatherLoader(const GatherProblem& problem, int row_tile, int column_tile,
                                          int group)
      : problem_(problem),
        source_(problem.source + group * problem.depth_channels),
        weights_(problem.weights +
                 std::int64_t{group} * problem.real_filters * problem.taps * problem.channel_pitch),
        first_column_(column_tile * Shape::kColumns) {
#pragma unroll
    for (int i = 0; i < kLinesA; ++i) {
      const int row = row_tile * Shape::kRows + line_a() + i * kStepA;
      int image = 0;
      int result_row = 0;
      int result_column = 0;
      problem.result_pixels.split(row < problem.rows ? row : 0, image, result_row, result_column);
      const int stride = kPass == Pass::forward ? problem.stride : 1;
      row_[i] = row < problem.rows ? result_row * stride + problem.first_row : kNowhere;
      column_[i] = result_column * stride + problem.first_column;
      pixel_[i] =
          (image * problem.source_height + result_row * stride + problem.first_row) * problem.source_width +
          column_[i];
    }
  }

  __device__ __forceinline__ void operator()(int step, Bf16* a, Bf16* b) const {
    load_a(step * Shape::kDepth, a);
    load_b(step * Shape::kDepth, b);
  }

 private:
  using A = typename Tile::A;
  using B = typename Tile::B;
  static constexpr int kStepA = Shape::kThreads / A::kChunks;  // lines from one of a thread's to the next
  static constexpr int kLinesA = A::kLines / kStepA;           // of a thread
  static constexpr int kChunksB = B::kLines * B::kChunks;
  static constexpr int kNowhere = -(1 << 30);  // no tap brings it into the image
  static_assert(Shape::kThreads % A::kChunks == 0 && A::kLines % kStepA == 0);

  __device__ __forceinline__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int line_a() { return thread() / A::kChunks; }

  __device__ __forceinline__ void load_a(int depth, Bf16* a) const {
    const int chunk = thread() % A::kChunks;
    depth += chunk * kChunk;
    const int tap = problem_.by_channels.quotient(depth);
    const int channel = problem_.by_channels.remainder(depth, tap);
    int r = problem_.by_kernel_width.quotient(tap);
    int s = problem_.by_kernel_width.remainder(tap, r);
    if constexpr (kPass == Pass::gradient) {
      r = -r;
      s = -s;
    }
    const bool inside = depth < problem_.depth;
    const int moved = r * problem_.source_width + s;
#pragma unroll
    for (int i = 0; i < kLinesA; ++i) {
      const bool there = inside &&
                         static_cast<unsigned>(row_[i] + r) < static_cast<unsigned>(problem_.source_height) &&
                         static_cast<unsigned>(column_[i] + s) < static_cast<unsigned>(problem_.source_width);
      const std::int64_t at = std::int64_t{pixel_[i] + moved} * problem_.source_pitch + channel;
      copy_async<16>(a + A::offset(line_a() + i * kStepA, chunk), source_ + (there ? at : 0),
                     there ? 16U : 0U);
    }
  }

  __device__ __forceinline__ void load_b(int depth, Bf16* b) const {
#pragma unroll
    for (int i = 0; i < (kChunksB + Shape::kThreads - 1) / Shape::kThreads; ++i) {
      const int number = thread() + i * Shape::kThreads;
      if (kChunksB % Shape::kThreads != 0 && number >= kChunksB) break;
      const int line = number / B::kChunks;
      const int chunk = number % B::kChunks;
      std::int64_t at = 0;
      bool there = false;
      if constexpr (kPass == Pass::forward) {
        const int filter = first_column_ + line;
        const int within = depth + chunk * kChunk;
        there = filter < problem_.real_filters && within < problem_.depth;
        at = std::int64_t{filter} * problem_.depth + within;
      } else {
        const int within = depth + line;
        const int channel = first_column_ + chunk * kChunk;
        const int tap = problem_.by_channels.quotient(within);
        const int filter = problem_.by_channels.remainder(within, tap);
        there = within < problem_.depth && filter < problem_.real_filters && channel < problem_.columns;
        at = (std::int64_t{filter} * problem_.taps + tap) * problem_.channel_pitch + channel;
      }
      copy_async<16>(b + B::offset(line, chunk), weights_ + (there ? at : 0), there ? 16U : 0U);
    }
  }

  // As given to the kernel: in constant memory.
  const GatherProblem& problem_;
  const Bf16* source_;
  const Bf16* weights_;
  int first_column_;
  int row_[kLinesA];  // of the source, at tap 0
  int column_[kLinesA];
  int pixel_[kLinesA];
};

template <typename Shape>
inline constexpr int kResultPitch = Shape::kColumns + kChunk;  // of the tile of results in shared memory

template <typename Shape, typename Tile>
constexpr std::size_t gather_shared_bytes() {
  constexpr std::size_t kResults = sizeof(Bf16) * Shape::kRows * kResultPitch<Shape>;
  return Tile::kBytes > kResults ? Tile::kBytes : kResults;
}

// Bias, ReLU and rounding, into shared memory, from where whole chunks go to the result.
template <Pass kPass, typename Shape, typename Tile>
__device__ __forceinline__ void round_results(const GatherProblem& problem, const Tile& tile, int group,
                                              int first_column) {
  auto* const results = dynamic_shared<std::uint16_t>();
#pragma unroll
  for (int j = 0; j < Shape::kWarpColumns / 8; ++j) {
    const int column = Tile::column_of(j, 0);
    float bias[2] = {0.0F, 0.0F};
    if constexpr (kPass == Pass::forward) {
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int filter = first_column + column + e;
        if (filter < problem.real_filters) bias[e] = problem.bias[group * problem.real_filters + filter];
      }
    }
#pragma unroll
    for (int i = 0; i < Shape::kWarpRows / 16; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float low = tile.sums[i][j][2 * half] + bias[0];
        float high = tile.sums[i][j][2 * half + 1] + bias[1];
        if (kPass == Pass::forward && problem.relu) {
          low = relu(low);
          high = relu(high);
        }
        const Aligned<std::uint32_t, 1> pair = {{pack_bf16(low, high)}};
        store_aligned<1>(reinterpret_cast<std::uint32_t*>(
                             results + Tile::row_of(i, 2 * half) * kResultPitch<Shape> + column),
                         pair);
      }
    }
  }
}

template <Pass kPass, typename Shape>
__device__ __forceinline__ void store_results(const GatherProblem& problem, int row_tile, int group,
                                              int first_column) {
  constexpr int kChunks = Shape::kColumns / kChunk;
  const auto* const results = dynamic_shared<std::uint16_t>();
  for (int number = static_cast<int>(threadIdx.x); number < Shape::kRows * kChunks;
       number += Shape::kThreads) {
    const int line = number / kChunks;
    const int column = number % kChunks * kChunk;
    const int row = row_tile * Shape::kRows + line;
    if (row >= problem.rows || first_column + column >= problem.columns) continue;
    Aligned<std::uint16_t, kChunk> chunk =
        load_aligned<kChunk>(results + line * kResultPitch<Shape> + column);
    const std::int64_t at =
        std::int64_t{row} * problem.result_pitch + group * problem.columns + first_column + column;
    if (kPass == Pass::gradient && problem.mask != nullptr) {
      const auto mask = load_aligned<kChunk>(problem.mask + at);
#pragma unroll
      for (int e = 0; e < kChunk; ++e) {
        if (!(to_float(mask.at[e]) > 0.0F)) chunk.at[e] = 0;
      }
    }
    store_aligned<kChunk>(reinterpret_cast<std::uint16_t*>(problem.result + at), chunk);
  }
}

// Blocks: x counts tiles, those of equal rows side by side so that they share the gathered pixels in the L2
// cache; y counts groups.
template <Pass kPass, typename Shape>
__global__ void __launch_bounds__(Shape::kThreads) conv_gather(const GatherProblem problem) {
  using Loader = GatherLoader<Shape, kPass>;
  const int row_tile = static_cast<int>(blockIdx.x) / problem.column_tiles;
  const int column_tile = static_cast<int>(blockIdx.x) % problem.column_tiles;
  const int group = static_cast<int>(blockIdx.y);
  const Loader loader(problem, row_tile, column_tile, group);
  typename Loader::Tile tile;
  tile.multiply((problem.depth + Shape::kDepth - 1) / Shape::kDepth, loader);
  const int first_column = column_tile * Shape::kColumns;
  round_results<kPass, Shape>(problem, tile, group, first_column);
  __syncthreads();
  store_results<kPass, Shape>(problem, row_tile, group, first_column);
}

template <Pass kPass, typename Shape>
void launch_tiles(const Stream& stream, GatherProblem problem, int groups) {
  using Tile = typename GatherLoader<Shape, kPass>::Tile;
  problem.column_tiles = (problem.columns + Shape::kColumns - 1) / Shape::kColumns;
  const int row_tiles = (problem.rows + Shape::kRows - 1) / Shape::kRows;
  launch(conv_gather<kPass, Shape>,
         dim3(static_cast<unsigned>(row_tiles) * static_cast<unsigned>(problem.column_tiles),
              static_cast<unsigned>(groups)),
         dim3(Shape::kThreads), gather_shared_bytes<Shape, Tile>(), stream, problem);
}

// What fills the columns with the least waste; of equal waste, the widest.
GatherTiles choose_tiles(int rows, int columns, int groups) {
  constexpr int kFewRows = 64 * 64;          // below, large tiles leave multiprocessors idle
  constexpr std::int64_t kManyTiles = 1024;  // several waves of the widest on any GPU
  const auto filled = [&](int tile) { return (columns + tile - 1) / tile * tile; };
  if (rows < kFewRows) return GatherTiles::small64x64;
  const int least = std::min({filled(128), filled(96), filled(64), filled(48)});
  if (filled(128) == least) {
    const std::int64_t tiles = std::int64_t{rows} / 256 * (filled(128) / 128) * groups;
    return tiles >= kManyTiles ? GatherTiles::wide256x128 : GatherTiles::square128x128;
  }
  if (filled(96) == least) return GatherTiles::tall128x96;
  return filled(64) == least ? GatherTiles::tall128x64 : GatherTiles::tall128x48;
}

template <Pass kPass>
void launch_gather(const Stream& stream, const GatherProblem& problem, int groups, GatherTiles tiles) {
  if (tiles == GatherTiles::chosen) tiles = choose_tiles(problem.rows, problem.columns, groups);
  switch (tiles) {
    case GatherTiles::wide256x128:
      return launch_tiles<kPass, TileShape<256, 128, 32, 64, 64, 4>>(stream, problem, groups);
    case GatherTiles::square128x128:  // two blocks fit a multiprocessor of sm_80 and sm_90
      return launch_tiles<kPass, TileShape<128, 128, 32, 64, 64, 4>>(stream, problem, groups);
    case GatherTiles::tall128x96:
      return launch_tiles<kPass, TileShape<128, 96, 32, 64, 48, 4>>(stream, problem, groups);
    case GatherTiles::tall128x64:
      return launch_tiles<kPass, TileShape<128, 64, 32, 64, 32, 4>>(stream, problem, groups);
    case GatherTiles::tall128x48:
      return launch_tiles<kPass, TileShape<128, 48, 32, 32, 48, 4>>(stream, problem, groups);
    case GatherTiles::chosen:
    case GatherTiles::small64x64:
      return launch_tiles<kPass, TileShape<64, 64, 32, 32, 32, 4>>(stream, problem, groups);
  }
}

void gather_forward(const Stream& stream, const ConvGeometry& g, const Bf16* x, const Bf16* w,
                    const float* bias, Bf16* y, bool with_relu, GatherTiles tiles) {
  launch_gather<Pass::forward>(stream,
                               {.source = x,
                                .weights = w,
                                .bias = bias,
                                .mask = nullptr,
                                .result = y,
                                .relu = with_relu,
                                .rows = g.out_pixels(),
                                .columns = g.groups == 1 ? g.y_pitch : g.filters,
                                .depth = g.taps() * g.channel_pitch,
                                .depth_channels = g.channel_pitch,
                                .real_filters = g.filters,
                                .column_tiles = 0,
                                .source_height = g.height,
                                .source_width = g.width,
                                .source_pitch = g.x_pitch,
                                .result_pitch = g.y_pitch,
                                .channel_pitch = g.channel_pitch,
                                .taps = g.taps(),
                                .stride = g.stride,
                                .first_row = -g.top,
                                .first_column = -g.left,
                                .result_pixels = PixelDivision(g.out_height, g.out_width),
                                .by_channels = FastDiv(g.channel_pitch),
                                .by_kernel_width = FastDiv(g.kernel_width)},
                               g.groups, tiles);
}

void gather_gradient(const Stream& stream, const ConvGeometry& g, const Bf16* dy, const Bf16* w,
                     const Bf16* mask, Bf16* dx, GatherTiles tiles) {
  const int depth_channels = g.groups == 1 ? g.y_pitch : g.filters;
  launch_gather<Pass::gradient>(stream,
                                {.source = dy,
                                 .weights = w,
                                 .bias = nullptr,
                                 .mask = mask,
                                 .result = dx,
                                 .relu = false,
                                 .rows = g.in_pixels(),
                                 .columns = g.groups == 1 ? g.x_pitch : g.channels,
                                 .depth = g.taps() * depth_channels,
                                 .depth_channels = depth_channels,
                                 .real_filters = g.filters,
                                 .column_tiles = 0,
                                 .source_height = g.out_height,
                                 .source_width = g.out_width,
                                 .source_pitch = g.y_pitch,
                                 .result_pitch = g.x_pitch,
                                 .channel_pitch = g.channel_pitch,
                                 .taps = g.taps(),
                                 .stride = 1,
                                 .first_row = g.top,
                                 .first_column = g.left,
                                 .result_pixels = PixelDivision(g.height, g.width),
                                 .by_channels = FastDiv(depth_channels),
                                 .by_kernel_width = FastDiv(g.kernel_width)},
                                g.groups, tiles);
}

}  // namespace

template <>
void conv_forward(const Stream& stream, const ConvShape& shape, const float* x, const float* w,
                  const float* bias, float* y, bool relu, GatherTiles /*tiles*/) {
  plain_forward(stream, ConvGeometry(shape), x, w, bias, y, relu);
}
template <>
void conv_forward(const Stream& stream, const ConvShape& shape, const Bf16* x, const Bf16* w,
                  const float* bias, Bf16* y, bool relu, GatherTiles tiles) {
  const ConvGeometry geometry(shape);
  if (geometry.aligned()) return gather_forward(stream, geometry, x, w, bias, y, relu, tiles);
  plain_forward(stream, geometry, x, w, bias, y, relu);
}

template <>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const float* dy, const float* w,
                         const float* relu_output, float* dx, GatherTiles /*tiles*/) {
  plain_input_gradient(stream, ConvGeometry(shape), dy, w, relu_output, dx);
}
template <>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const Bf16* dy, const Bf16* w,
                         const Bf16* relu_output, Bf16* dx, GatherTiles tiles) {
  const ConvGeometry geometry(shape);
  if (geometry.aligned() && geometry.stride == 1) {
    return gather_gradient(stream, geometry, dy, w, relu_output, dx, tiles);
  }
  plain_input_gradient(stream, geometry, dy, w, relu_output, dx);
}

}  // namespace convoy::cuda
