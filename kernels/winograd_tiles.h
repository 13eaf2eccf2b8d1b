// Tiles of activations in blocks of kLanes channels, as Winograd's convolution uses them: a tile is a square
// of pixels, and each of its elements is one pixel's block of channels. All of this is inlined into the loops
// of the passes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <tuple>

#include "kernels/lanes.h"
#include "kernels/tensor_shape.h"
#include "kernels/winograd_transform.h"

namespace convoy::winograd {

using cpu::load;
using cpu::store;

template <int kKernel>
inline constexpr int kTilePoints = kPoints<kKernel>* kPoints<kKernel>;

template <std::size_t kRows, std::size_t kColumns>
using Tile = std::array<std::array<Lanes, kColumns>, kRows>;

// Applies a one-dimensional transform to the columns of a square tile, then to its rows.
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

// Transformed tiles are [point][row][column], where rows are tiles or channels; `stride` is the distance
// between points.
template <std::size_t kSide>
[[gnu::always_inline]] inline Tile<kSide, kSide> load_points(const float* from, std::int64_t stride) {
  Tile<kSide, kSide> tile;
  for (std::size_t p = 0; p < kSide * kSide; ++p) {
    tile[p / kSide][p % kSide] = load(from + static_cast<std::int64_t>(p) * stride);
  }
  return tile;
}
template <std::size_t kSide>
[[gnu::always_inline]] inline void store_points(const Tile<kSide, kSide>& tile, float* to,
                                                std::int64_t stride) {
  for (std::size_t p = 0; p < kSide * kSide; ++p) {
    store(tile[p / kSide][p % kSide], to + static_cast<std::int64_t>(p) * stride);
  }
}

// The activations on one side of a convolution, with their channels in groups.
struct Side {
  TensorShape shape;
  int groups = 1;
  [[nodiscard]] int channels() const { return shape.channels / groups; }
  // The offset of a block of a group's channels in the first image.
  [[nodiscard]] std::int64_t offset(int group, int block) const {
    return (std::int64_t{group} * (channels() / kLanes) + block) * shape.pixels() * kLanes;
  }
};

// The offsets of a tile's pixels in a tensor: pixel (r, c) is at rows[r] + columns[c], in elements from the
// first image. It lies in no image if that offset, as an unsigned number, is not below `limit`.
template <std::size_t kSide>
struct PixelOffsets {
  std::array<std::int64_t, kSide> rows;
  std::array<std::int64_t, kSide> columns;
  std::uint64_t limit = 0;
  std::int64_t row_step = 0;
  bool whole = false;  // all pixels are in one image
  [[nodiscard]] bool holds(std::int64_t offset) const { return static_cast<std::uint64_t>(offset) < limit; }
};

// Loads the pixels of a tile, which are zero outside of the images. `block` is the block of channels in the
// first image.
template <std::size_t kSide, typename T>
[[gnu::always_inline]] inline Tile<kSide, kSide> load_tile(const PixelOffsets<kSide>& offsets,
                                                           const T* block) {
  Tile<kSide, kSide> tile;
  if (offsets.whole) {
    const T* row = block + offsets.rows[0] + offsets.columns[0];
    for (std::size_t r = 0; r < kSide; ++r, row += offsets.row_step) {
      for (std::size_t c = 0; c < kSide; ++c) tile[r][c] = load(row + c * kLanes);
    }
    return tile;
  }
  for (std::size_t r = 0; r < kSide; ++r) {
    for (std::size_t c = 0; c < kSide; ++c) {
      const std::int64_t at = offsets.rows[r] + offsets.columns[c];
      tile[r][c] = offsets.holds(at) ? load(block + at) : Lanes();
    }
  }
  return tile;
}

// Calls put(value, offset) for the pixels of the tile that lie in an image.
template <std::size_t kSide, typename Put>
[[gnu::always_inline]] inline void store_tile(const Tile<kSide, kSide>& tile,
                                              const PixelOffsets<kSide>& offsets, Put&& put) {
  for (std::size_t r = 0; r < kSide; ++r) {
    for (std::size_t c = 0; c < kSide; ++c) {
      const std::int64_t at = offsets.rows[r] + offsets.columns[c];
      if (offsets.whole || offsets.holds(at)) put(tile[r][c], at);
    }
  }
}

// The tiles that cover the outputs of all images. Images are laid out in mosaics of n x n, separated by zeros
// that are the padding of both neighbours, so that a tile that reaches over the edge of one image serves the
// next one too: with 13 outputs a side, four images take 7x7 tiles of 4x4 together, but 4x4 tiles each on
// their own.
class Grid {
 public:
  // pad_top, pad_left: zeros before the first row and the first column of the input.
  Grid(int kernel, const TensorShape& in, const TensorShape& out, int pad_top, int pad_left)
      : images_(out.images),
        row_pitch_(pitch(in.height, out.height, kernel, pad_top)),
        column_pitch_(pitch(in.width, out.width, kernel, pad_left)) {
    std::int64_t fewest = std::numeric_limits<std::int64_t>::max();
    for (int side = 1; side <= kMaxSide; ++side) {
      const int rows = tiles_along(row_pitch_ * (side - 1) + out.height);
      const int columns = tiles_along(column_pitch_ * (side - 1) + out.width);
      const std::int64_t mosaics = (std::int64_t{images_} + side * side - 1) / (side * side);
      const std::int64_t all = mosaics * rows * columns;
      if (all >= fewest) continue;
      fewest = all;
      side_ = side;
      rows_ = rows;
      columns_ = columns;
    }
    tiles_ = fewest;
  }

  [[nodiscard]] std::int64_t tiles() const { return tiles_; }

  // A tile's mosaic and the tile's first output there; mosaic is -1 past the last tile.
  struct Position {
    std::int64_t mosaic = -1;
    int row = 0;
    int column = 0;
  };
  [[nodiscard]] Position position(std::int64_t tile) const {
    if (tile >= tiles_) return {};
    const std::int64_t of_mosaic = std::int64_t{rows_} * columns_;
    const int inside = static_cast<int>(tile % of_mosaic);
    return {tile / of_mosaic, inside / columns_ * kOutputs, inside % columns_ * kOutputs};
  }

  // The offsets of the pixels of `tensor`, input or output, that begin at this row and column of the mosaic.
  template <std::size_t kSide>
  [[nodiscard]] PixelOffsets<kSide> offsets(const TensorShape& tensor, const Position& first) const {
    const std::int64_t image = tensor.image_elements();
    const std::int64_t image_of_mosaic = first.mosaic * side_ * side_;
    PixelOffsets<kSide> result;
    result.row_step = std::int64_t{tensor.width} * kLanes;
    for (std::size_t i = 0; i < kSide; ++i) {
      const int step = static_cast<int>(i);
      result.rows[i] = along(first.row + step, row_pitch_, tensor.height, side_ * image, result.row_step);
      result.columns[i] = along(first.column + step, column_pitch_, tensor.width, image, kLanes);
    }
    result.whole = result.rows[0] >= 0 && result.columns[0] >= 0 &&
                   result.rows[kSide - 1] - result.rows[0] == std::int64_t{kSide - 1} * result.row_step &&
                   result.columns[kSide - 1] - result.columns[0] == std::int64_t{kSide - 1} * kLanes;
    for (std::int64_t& row : result.rows) row += image_of_mosaic * image;
    result.limit = static_cast<std::uint64_t>(tensor.elements());
    result.whole = result.whole && result.holds(result.rows[0] + result.columns[0]);
    return result;
  }

 private:
  static constexpr int kMaxSide = 4;
  static constexpr std::int64_t kOutside = std::numeric_limits<std::int64_t>::min() / 4;

  static int tiles_along(int outputs) { return (outputs + kOutputs - 1) / kOutputs; }
  // From the first row of an image to that of the next: outputs do not overlap, and inputs are separated by
  // the larger of the paddings that the two images need there.
  static int pitch(int inputs, int outputs, int kernel, int pad_before) {
    const int pad_after = outputs + kernel - 1 - pad_before - inputs;
    return std::max(inputs + std::max({pad_before, pad_after, 0}), outputs);
  }
  // The offset of a row (or column) of the mosaic, whose images have `extent` rows each and lie `image`
  // elements apart.
  [[nodiscard]] std::int64_t along(int at, int pitch, int extent, std::int64_t image,
                                   std::int64_t step) const {
    if (at < 0 || at / pitch >= side_) return kOutside;
    const int inside = at % pitch;
    return inside < extent ? at / pitch * image + inside * step : kOutside;
  }

  int images_;
  int row_pitch_;
  int column_pitch_;
  int side_ = 1;  // images in a mosaic, in each direction
  int rows_ = 0;  // tiles in a mosaic
  int columns_ = 0;
  std::int64_t tiles_ = 0;
};

}  // namespace convoy::winograd
