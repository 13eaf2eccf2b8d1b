// Tiles of activations that lie in blocks of 16 channels, as Winograd's convolution works on them: a tile is
// a square of pixels, each the 16 channels of a block. All of it is inlined into the loops of the passes.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <tuple>

#include "kernels/tensor_shape.h"
#include "kernels/winograd_transform.h"

namespace convoy::winograd {

inline constexpr int kLanes = 16;  // channels of a block of activations
inline constexpr int kTilePoints = kPoints * kPoints;

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

}  // namespace convoy::winograd
