#include "lib/prep/resize.h"

#include <algorithm>
#include <cstdint>

namespace convoy {
namespace {

// Each takes some 10 KB.
constexpr std::size_t kAxesKept = 64;

std::size_t lanes_for(std::size_t samples) { return (samples + Lanes::kCount - 1) / Lanes::kCount; }

// Writes whole Lanes, for which the row has room.
void to_bytes(const Lanes* from, std::size_t lanes, std::uint8_t* into) {
  for (std::size_t i = 0; i < lanes; ++i) store_bytes(from[i], into + i * Lanes::kCount);
}

// Written as a loop over one array, which the compiler vectorizes; it would not vectorize one over Lanes.
void to_floats(const std::uint8_t* from, std::size_t count, Lanes* into) {
  auto* values = reinterpret_cast<float*>(into);
  for (std::size_t i = 0; i < count; ++i) values[i] = from[i];
}

}  // namespace

const AxisWeights& PlaneResizer::weights_for(const AxisGeometry& geometry) {
  const auto found =
      std::ranges::find_if(axes_, [&](const auto& axis) { return axis->geometry == geometry; });
  if (found != axes_.end()) {
    std::rotate(axes_.begin(), found, found + 1);
    return *axes_.front();
  }
  if (axes_.size() == kAxesKept) axes_.pop_back();
  axes_.insert(axes_.begin(), std::make_unique<AxisWeights>(bicubic_weights(geometry)));
  return *axes_.front();
}

void PlaneResizer::start(const AxisWeights& horizontal) {
  first_column_ = horizontal.first.front();
  columns_ = static_cast<std::size_t>(horizontal.first.back() + horizontal.taps - first_column_);
  in_lanes_ = lanes_for(columns_);
  out_lanes_ = lanes_for(horizontal.first.size());
  source_y_.fill(-1);
  source_rows_.resize(kSourceRows * in_lanes_);
  wide_rows_.resize(Lanes::kCount * in_lanes_);
  wide_columns_.resize(Lanes::kCount * in_lanes_);
  out_columns_.resize(Lanes::kCount * out_lanes_);
  out_rows_.resize(Lanes::kCount * out_lanes_);
}

const Lanes* PlaneResizer::source_row(const Plane& from, int y) {
  const std::size_t place = static_cast<std::size_t>(y) % kSourceRows;
  Lanes* row = source_rows_.data() + place * in_lanes_;
  if (source_y_[place] != y) {
    to_floats(from.row(y) + first_column_, columns_, row);
    source_y_[place] = y;
  }
  return row;
}

// Computes row y of the result, still as wide as the source.
void PlaneResizer::resize_columns(const Plane& from, const AxisWeights& vertical, std::size_t y,
                                  Lanes* into) {
  const auto taps = static_cast<std::size_t>(vertical.taps);
  const float* weights = vertical.weights.data() + y * taps;
  std::array<const Lanes*, kMaxSummedRows> rows{};
  for (std::size_t done = 0; done < taps; done += kMaxSummedRows) {
    const std::size_t count = std::min(kMaxSummedRows, taps - done);
    for (std::size_t k = 0; k < count; ++k) {
      rows[k] = source_row(from, vertical.first[y] + static_cast<int>(done + k));
    }
    if (done == 0) {
      sum_weighted<false>(count, rows.data(), weights, in_lanes_, into);
    } else {
      sum_weighted<true>(count, rows.data(), weights + done, in_lanes_, into);
    }
  }
}

// From wide_columns_ to out_columns_: one Lanes is a column of Lanes::kCount rows.
void PlaneResizer::resize_rows(const AxisWeights& horizontal) {
  const auto taps = static_cast<std::size_t>(horizontal.taps);
  const float* weights = horizontal.weights.data();
  for (std::size_t x = 0; x < horizontal.first.size(); ++x, weights += taps) {
    const Lanes* from = wide_columns_.data() + (horizontal.first[x] - first_column_);
    auto sum = from[0].v * weights[0];
    for (std::size_t k = 1; k < taps; ++k) sum += from[k].v * weights[k];
    out_columns_[x].v = sum;
  }
}

void PlaneResizer::resize(const Plane& from, const ResizeGeometry& geometry, Plane& to) {
  const AxisWeights& horizontal =
      weights_for({from.width(), geometry.left, geometry.width, geometry.out_width});
  const AxisWeights& vertical =
      weights_for({from.height(), geometry.top, geometry.height, geometry.out_height});
  start(horizontal);
  to.resize(geometry.out_width, geometry.out_height);
  const std::size_t height = vertical.first.size();
  for (std::size_t top = 0; top < height; top += Lanes::kCount) {
    const std::size_t count = std::min(Lanes::kCount, height - top);
    for (std::size_t i = 0; i < count; ++i) {
      resize_columns(from, vertical, top + i, wide_rows_.data() + i * in_lanes_);
    }
    for (std::size_t i = 0; i < in_lanes_; ++i) {
      transpose(wide_rows_.data() + i, in_lanes_, wide_columns_.data() + i * Lanes::kCount, 1);
    }
    resize_rows(horizontal);
    for (std::size_t i = 0; i < out_lanes_; ++i) {
      transpose(out_columns_.data() + i * Lanes::kCount, 1, out_rows_.data() + i, out_lanes_);
    }
    for (std::size_t i = 0; i < count; ++i) {
      to_bytes(out_rows_.data() + i * out_lanes_, out_lanes_, to.row(static_cast<int>(top + i)));
    }
  }
}

}  // namespace convoy
