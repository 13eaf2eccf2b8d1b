// conv forward and the gradient of its input, on the tensor cores. Both are products of gathered pixels
// (rows) and weights (columns): the rows of the matrix that im2col would build are copied piece by piece to
// shared memory.
//   forward:   rows are pixels of y, depth is (r, s, c), columns are filters
//   gradient:  rows are pixels of x, depth is (r, s, k), columns are channels
// With a stride of t, a pixel of x is read only by every t-th tap of a row and of a column of the filter, and
// every t-th pixel by the same taps. The gradient is therefore t * t products (phases), each like that of a
// convolution of stride 1. Groups whose channels do not begin and end at multiples of 16 bytes are copied
// element by element, with each tap's channels padded.
#include <algorithm>

#include "kernels/cuda/aligned.cuh"
#include "kernels/cuda/conv_geometry.cuh"
#include "kernels/cuda/tile.cuh"
#include "kernels/relu.h"

namespace convoy::cuda {
namespace {

enum class Pass { forward, gradient, phase_gradient };

// Which pixels of the result and which taps of the filter belong to the phase.
struct PhaseLayout {
  int step;
  int result_height;
  int result_width;
  int first_result_row;
  int first_result_column;
  int kernel_width;
  int first_tap_row;
  int first_tap_column;
};

struct GatherProblem {
  const Bf16* source;   // x or dy
  const Bf16* weights;  // [K][taps][channel_pitch]
  const float* bias;    // of all groups; forward only
  const Bf16* mask;     // relu_output, or null; gradient only
  Bf16* result;
  bool relu;

  int rows;             // pixels of the result
  int columns;          // channels of a group's result; padding included if aligned
  int depth;            // taps * depth_channels
  int depth_channels;   // channels of a group's source at one tap, padding included
  int source_channels;  // from one group's channels to the next one's
  int real_filters;     // filters of a group, without padding
  int column_tiles;
  int source_height;
  int source_width;
  int source_pitch;
  int result_pitch;
  int channel_pitch;
  int taps;       // of a filter
  int stride;     // forward only
  int first_row;  // of the source, for row 0 of the result at tap 0
  int first_column;
  PixelDivision result_pixels;
  FastDiv by_channels;
  FastDiv by_kernel_width;
  PhaseLayout phase;  // phase_gradient only
};

// Copies the chunks of the problem's tiles to shared memory. Each thread copies the same chunk of every
// kStepA-th line of a.
template <typename Shape, Pass kPass, bool kAligned>
class GatherLoader {
 public:
  static constexpr Major kMajorB = kPass == Pass::forward ? Major::depth : Major::across;
  using Tile = Tiles<Shape, Major::depth, kMajorB>;

  __device__ __forceinline__ GatherLoader(const GatherProblem& problem, int row_tile, int column_tile,
                                          int group)
      : problem_(problem),
        source_(problem.source + group * problem.source_channels),
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
      row_[i] = row < problem.rows ? result_row * stride + problem.first_row : kFarOutside;
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
  static constexpr int kStepA = Shape::kThreads / A::kChunks;  // from one of a thread's lines to its next
  static constexpr int kLinesA = A::kLines / kStepA;           // lines per thread
  static constexpr int kChunksB = B::kLines * B::kChunks;
  static constexpr int kFarOutside = -(1 << 30);  // a row so far out that no tap brings it into the image
  static_assert(Shape::kThreads % A::kChunks == 0 && A::kLines % kStepA == 0);

  __device__ __forceinline__ static int thread() { return static_cast<int>(threadIdx.x); }
  __device__ __forceinline__ static int line_a() { return thread() / A::kChunks; }
  // How many elements of the chunk at `first` come before `end`: at least one.
  __device__ __forceinline__ static int chunk_before(int first, int end) {
    if constexpr (kAligned) return kChunk;
    return end - first < kChunk ? end - first : kChunk;
  }
  // The index in the whole filter of a tap of the phase.
  __device__ __forceinline__ int tap_of_filter(int tap) const {
    if constexpr (kPass != Pass::phase_gradient) return tap;
    const int r = problem_.by_kernel_width.quotient(tap);
    const int s = problem_.by_kernel_width.remainder(tap, r);
    const PhaseLayout& phase = problem_.phase;
    return (phase.first_tap_row + r * phase.step) * phase.kernel_width + phase.first_tap_column +
           s * phase.step;
  }

  __device__ __forceinline__ void load_a(int depth, Bf16* a) const {
    const int chunk = thread() % A::kChunks;
    depth += chunk * kChunk;
    const int tap = problem_.by_channels.quotient(depth);
    const int channel = problem_.by_channels.remainder(depth, tap);
    int r = problem_.by_kernel_width.quotient(tap);
    int s = problem_.by_kernel_width.remainder(tap, r);
    if constexpr (kPass != Pass::forward) {
      r = -r;
      s = -s;
    }
    const bool inside = depth < problem_.depth;
    const int count = chunk_before(channel, problem_.source_channels);
    const int moved = r * problem_.source_width + s;
#pragma unroll
    for (int i = 0; i < kLinesA; ++i) {
      const bool in_bounds =
          inside && static_cast<unsigned>(row_[i] + r) < static_cast<unsigned>(problem_.source_height) &&
          static_cast<unsigned>(column_[i] + s) < static_cast<unsigned>(problem_.source_width);
      const std::int64_t at = std::int64_t{pixel_[i] + moved} * problem_.source_pitch + channel;
      copy_chunk<kAligned>(a + A::offset(line_a() + i * kStepA, chunk), source_ + (in_bounds ? at : 0),
                           in_bounds ? count : 0);
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
      bool in_bounds = false;
      int count = kChunk;
      if constexpr (kPass == Pass::forward) {
        const int filter = first_column_ + line;
        const int within = depth + chunk * kChunk;
        in_bounds = filter < problem_.real_filters && within < problem_.depth;
        at = std::int64_t{filter} * problem_.depth + within;
        if constexpr (!kAligned) {
          const int tap = problem_.by_channels.quotient(within);
          const int channel = problem_.by_channels.remainder(within, tap);
          at = (std::int64_t{filter} * problem_.taps + tap) * problem_.channel_pitch + channel;
          count = chunk_before(channel, problem_.source_channels);
        }
      } else {
        const int within = depth + line;
        const int channel = first_column_ + chunk * kChunk;
        const int tap = problem_.by_channels.quotient(within);
        const int filter = problem_.by_channels.remainder(within, tap);
        in_bounds = within < problem_.depth && filter < problem_.real_filters && channel < problem_.columns;
        at = (std::int64_t{filter} * problem_.taps + tap_of_filter(tap)) * problem_.channel_pitch + channel;
        count = chunk_before(channel, problem_.columns);
      }
      copy_chunk<kAligned>(b + B::offset(line, chunk), weights_ + (in_bounds ? at : 0),
                           in_bounds ? count : 0);
    }
  }

  // The kernel's own argument, in constant memory.
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

// Adds the bias, applies the ReLU, and rounds into shared memory, from where whole chunks go to the result.
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

// The offset in the result of the first channel of a row's pixel.
template <Pass kPass>
__device__ __forceinline__ std::int64_t result_of_row(const GatherProblem& problem, int row) {
  if constexpr (kPass != Pass::phase_gradient) return std::int64_t{row} * problem.result_pitch;
  int image = 0;
  int i = 0;
  int j = 0;
  problem.result_pixels.split(row, image, i, j);
  const PhaseLayout& phase = problem.phase;
  const int pixel =
      (image * phase.result_height + phase.first_result_row + i * phase.step) * phase.result_width +
      phase.first_result_column + j * phase.step;
  return std::int64_t{pixel} * problem.result_pitch;
}

template <Pass kPass, bool kAligned, typename Shape>
__device__ __forceinline__ void store_results(const GatherProblem& problem, int row_tile, int group,
                                              int first_column) {
  constexpr int kChunks = Shape::kColumns / kChunk;
  const auto* const results = dynamic_shared<std::uint16_t>();
  int columns = problem.columns;
  if constexpr (!kAligned) {  // the last group also writes the padding
    if (group + 1 == static_cast<int>(gridDim.y)) columns = problem.result_pitch - group * problem.columns;
  }
  for (int number = static_cast<int>(threadIdx.x); number < Shape::kRows * kChunks;
       number += Shape::kThreads) {
    const int line = number / kChunks;
    const int column = first_column + number % kChunks * kChunk;
    const int row = row_tile * Shape::kRows + line;
    if (row >= problem.rows || column >= columns) continue;
    Aligned<std::uint16_t, kChunk> chunk =
        load_aligned<kChunk>(results + line * kResultPitch<Shape> + column - first_column);
    const std::int64_t at = result_of_row<kPass>(problem, row) + group * problem.columns + column;
    const bool masked = kPass != Pass::forward && problem.mask != nullptr;
    if constexpr (kAligned) {
      if (masked) {
        const auto mask = load_aligned<kChunk>(problem.mask + at);
#pragma unroll
        for (int e = 0; e < kChunk; ++e) {
          if (!(to_float(mask.at[e]) > 0.0F)) chunk.at[e] = 0;
        }
      }
      store_aligned<kChunk>(reinterpret_cast<std::uint16_t*>(problem.result + at), chunk);
    } else {
#pragma unroll
      for (int e = 0; e < kChunk; ++e) {
        if (column + e >= columns) continue;
        const bool passes = !masked || to_float(problem.mask[at + e]) > 0.0F;
        problem.result[at + e] = Bf16{passes ? chunk.at[e] : std::uint16_t{0}};
      }
    }
  }
}

// Blocks: x counts tiles, y counts groups. Tiles of the same rows are neighbours in x, so that they share the
// gathered pixels in the L2 cache.
template <Pass kPass, bool kAligned, typename Shape>
__global__ void __launch_bounds__(Shape::kThreads) conv_gather(const GatherProblem problem) {
  using Loader = GatherLoader<Shape, kPass, kAligned>;
  const int row_tile = static_cast<int>(blockIdx.x) / problem.column_tiles;
  const int column_tile = static_cast<int>(blockIdx.x) % problem.column_tiles;
  const int group = static_cast<int>(blockIdx.y);
  const Loader loader(problem, row_tile, column_tile, group);
  typename Loader::Tile tile;
  tile.multiply((problem.depth + Shape::kDepth - 1) / Shape::kDepth, loader);
  const int first_column = column_tile * Shape::kColumns;
  round_results<kPass, Shape>(problem, tile, group, first_column);
  __syncthreads();
  store_results<kPass, kAligned, Shape>(problem, row_tile, group, first_column);
}

template <Pass kPass, bool kAligned, typename Shape>
void launch_tiles(const Stream& stream, GatherProblem problem, int groups) {
  using Tile = typename GatherLoader<Shape, kPass, kAligned>::Tile;
  const int columns = kAligned ? problem.columns : problem.result_pitch - (groups - 1) * problem.columns;
  problem.column_tiles = (columns + Shape::kColumns - 1) / Shape::kColumns;
  const int row_tiles = (problem.rows + Shape::kRows - 1) / Shape::kRows;
  launch(conv_gather<kPass, kAligned, Shape>,
         dim3(static_cast<unsigned>(row_tiles) * static_cast<unsigned>(problem.column_tiles),
              static_cast<unsigned>(groups)),
         dim3(Shape::kThreads), gather_shared_bytes<Shape, Tile>(), stream, problem);
}

// The tiles that waste the fewest columns; among equals, the widest.
GatherTiles choose_tiles(int rows, int columns, int groups) {
  constexpr int kFewRows = 64 * 64;          // with fewer, large tiles leave multiprocessors idle
  constexpr std::int64_t kManyTiles = 1024;  // several waves of the widest tiles on any GPU
  const auto padded = [&](int tile) { return (columns + tile - 1) / tile * tile; };
  if (rows < kFewRows) return GatherTiles::small64x64;
  const int fewest = std::min({padded(128), padded(96), padded(64), padded(48)});
  if (padded(128) == fewest) {
    const std::int64_t tiles = std::int64_t{rows} / 256 * (padded(128) / 128) * groups;
    return tiles >= kManyTiles ? GatherTiles::wide256x128 : GatherTiles::square128x128;
  }
  if (padded(96) == fewest) return GatherTiles::tall128x96;
  return padded(64) == fewest ? GatherTiles::tall128x64 : GatherTiles::tall128x48;
}

template <Pass kPass>
void launch_gather(const Stream& stream, const GatherProblem& problem, int groups, GatherTiles tiles) {
  if (tiles == GatherTiles::chosen) tiles = choose_tiles(problem.rows, problem.columns, groups);
  switch (tiles) {
    case GatherTiles::wide256x128:
      return launch_tiles<kPass, true, TileShape<256, 128, 32, 64, 64, 4>>(stream, problem, groups);
    case GatherTiles::square128x128:  // two blocks fit on a multiprocessor of sm_80 and sm_90
      return launch_tiles<kPass, true, TileShape<128, 128, 32, 64, 64, 4>>(stream, problem, groups);
    case GatherTiles::tall128x96:
      return launch_tiles<kPass, true, TileShape<128, 96, 32, 64, 48, 4>>(stream, problem, groups);
    case GatherTiles::tall128x64:
      return launch_tiles<kPass, true, TileShape<128, 64, 32, 64, 32, 4>>(stream, problem, groups);
    case GatherTiles::tall128x48:
      return launch_tiles<kPass, true, TileShape<128, 48, 32, 32, 48, 4>>(stream, problem, groups);
    case GatherTiles::chosen:
    case GatherTiles::small64x64:
      return launch_tiles<kPass, true, TileShape<64, 64, 32, 32, 32, 4>>(stream, problem, groups);
  }
}

// The tiles for groups that are not aligned: such groups have few columns.
template <Pass kPass>
void launch_unaligned(const Stream& stream, const GatherProblem& problem, int groups) {
  launch_tiles<kPass, false, TileShape<64, 64, 32, 32, 32, 4>>(stream, problem, groups);
}

void gather_forward(const Stream& stream, const ConvGeometry& g, const Bf16* x, const Bf16* w,
                    const float* bias, Bf16* y, bool with_relu, GatherTiles tiles) {
  const int depth_channels = padded_channels(g.channels);
  GatherProblem problem = {};
  problem.source = x;
  problem.weights = w;
  problem.bias = bias;
  problem.result = y;
  problem.relu = with_relu;
  problem.rows = g.out_pixels();
  problem.columns = g.groups == 1 ? g.y_pitch : g.filters;
  problem.depth = g.taps() * depth_channels;
  problem.depth_channels = depth_channels;
  problem.source_channels = g.channels;
  problem.real_filters = g.filters;
  problem.source_height = g.height;
  problem.source_width = g.width;
  problem.source_pitch = g.x_pitch;
  problem.result_pitch = g.y_pitch;
  problem.channel_pitch = g.channel_pitch;
  problem.taps = g.taps();
  problem.stride = g.stride;
  problem.first_row = -g.top;
  problem.first_column = -g.left;
  problem.result_pixels = PixelDivision(g.out_height, g.out_width);
  problem.by_channels = FastDiv(depth_channels);
  problem.by_kernel_width = FastDiv(g.kernel_width);
  if (g.aligned()) return launch_gather<Pass::forward>(stream, problem, g.groups, tiles);
  launch_unaligned<Pass::forward>(stream, problem, g.groups);
}

// The product for the pixels of one phase down and one phase across.
GatherProblem phase_problem(const ConvGeometry& g, const Phase& down, const Phase& across) {
  const int depth_channels = padded_channels(g.filters);
  GatherProblem problem = {};
  problem.rows = g.images * down.pixels * across.pixels;
  problem.columns = g.groups == 1 ? g.x_pitch : g.channels;
  problem.depth = down.taps * across.taps * depth_channels;
  problem.depth_channels = depth_channels;
  problem.source_channels = g.filters;
  problem.real_filters = g.filters;
  problem.source_height = g.out_height;
  problem.source_width = g.out_width;
  problem.source_pitch = g.y_pitch;
  problem.result_pitch = g.x_pitch;
  problem.channel_pitch = g.channel_pitch;
  problem.taps = g.taps();
  problem.stride = 1;
  problem.first_row = down.source;
  problem.first_column = across.source;
  problem.result_pixels = PixelDivision(down.pixels, across.pixels);
  problem.by_channels = FastDiv(depth_channels);
  problem.by_kernel_width = FastDiv(across.taps);
  problem.phase = {g.stride,     g.height,       g.width,        down.first,
                   across.first, g.kernel_width, down.first_tap, across.first_tap};
  return problem;
}

void gather_gradient(const Stream& stream, const ConvGeometry& g, const Bf16* dy, const Bf16* w,
                     const Bf16* mask, Bf16* dx, GatherTiles tiles) {
  // The products do not write pixels that no tap reads.
  if (std::min(g.kernel_height, g.kernel_width) < g.stride) {
    const std::int64_t elements = std::int64_t{g.in_pixels()} * g.x_pitch;
    fill_zero(stream, dx, static_cast<std::uint64_t>(elements) * sizeof(Bf16));
  }
  for (int i = 0; i < std::min(g.stride, g.height); ++i) {
    const Phase down(i, g.stride, g.top, g.height, g.kernel_height);
    for (int j = 0; j < std::min(g.stride, g.width); ++j) {
      const Phase across(j, g.stride, g.left, g.width, g.kernel_width);
      if (down.taps == 0 || across.taps == 0) continue;
      GatherProblem problem = phase_problem(g, down, across);
      problem.source = dy;
      problem.weights = w;
      problem.mask = mask;
      problem.result = dx;
      if (!g.aligned()) {
        launch_unaligned<Pass::phase_gradient>(stream, problem, g.groups);
      } else if (g.stride == 1) {
        launch_gather<Pass::gradient>(stream, problem, g.groups, tiles);
      } else {
        launch_gather<Pass::phase_gradient>(stream, problem, g.groups, tiles);
      }
    }
  }
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
  gather_forward(stream, ConvGeometry(shape), x, w, bias, y, relu, tiles);
}

template <>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const float* dy, const float* w,
                         const float* relu_output, float* dx, GatherTiles /*tiles*/) {
  plain_input_gradient(stream, ConvGeometry(shape), dy, w, relu_output, dx);
}
template <>
void conv_input_gradient(const Stream& stream, const ConvShape& shape, const Bf16* dy, const Bf16* w,
                         const Bf16* relu_output, Bf16* dx, GatherTiles tiles) {
  gather_gradient(stream, ConvGeometry(shape), dy, w, relu_output, dx, tiles);
}

}  // namespace convoy::cuda
