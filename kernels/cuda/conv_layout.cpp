#include "kernels/cuda/conv_layout.h"

#include <algorithm>

#include "kernels/cuda/batch.h"

namespace convoy::cuda {
namespace {

struct Filters {
  int filters;
  int channels;  // of a filter
  int height;
  int width;
  [[nodiscard]] std::size_t canonical(int k, int c, int r, int s) const {
    return static_cast<std::size_t>(((std::int64_t{k} * channels + c) * height + r) * width + s);
  }
  [[nodiscard]] std::size_t packed(int k, int c, int r, int s, int pitch) const {
    return static_cast<std::size_t>(((std::int64_t{k} * height + r) * width + s) * pitch + c);
  }
};

// Calls visit(canonical index, packed index) for every weight.
template <typename Visit>
void for_each_weight(const ConvShape& shape, const Visit& visit) {
  const Filters f = {shape.filters, shape.channels / shape.groups, shape.kernel_height, shape.kernel_width};
  const int pitch = filter_channels(shape);
  for (int k = 0; k < f.filters; ++k) {
    for (int c = 0; c < f.channels; ++c) {
      for (int r = 0; r < f.height; ++r) {
        for (int s = 0; s < f.width; ++s) visit(f.canonical(k, c, r, s), f.packed(k, c, r, s, pitch));
      }
    }
  }
}
template <typename Visit>
void for_each_weight(const SpaceToDepthConv& conv, const Visit& visit) {
  const ConvShape& from = conv.original;
  const ConvShape& to = conv.transformed;
  const Filters f = {from.filters, from.channels, from.kernel_height, from.kernel_width};
  const Filters g = {to.filters, to.channels, to.kernel_height, to.kernel_width};
  const int side = from.stride;
  const int pitch = filter_channels(to);
  for (int k = 0; k < f.filters; ++k) {
    for (int c = 0; c < f.channels; ++c) {
      for (int r = 0; r < f.height; ++r) {
        for (int s = 0; s < f.width; ++s) {
          const int channel = (r % side * side + s % side) * f.channels + c;
          visit(f.canonical(k, c, r, s), g.packed(k, channel, r / side, s / side, pitch));
        }
      }
    }
  }
}

template <typename Convolution>
void pack(const Convolution& convolution, std::span<const float> canonical, std::span<float> packed) {
  std::ranges::fill(packed, 0.0F);
  for_each_weight(convolution, [&](std::size_t from, std::size_t to) { packed[to] = canonical[from]; });
}
template <typename Convolution>
void unpack(const Convolution& convolution, std::span<const float> packed, std::span<float> canonical) {
  for_each_weight(convolution, [&](std::size_t to, std::size_t from) { canonical[to] = packed[from]; });
}

}  // namespace

int largest_conv_batch(const ConvShape& shape) {
  // Leaves room for tiles and parts, which reach some pixels past the last one.
  constexpr std::int64_t kMost = (std::int64_t{1} << 31) - (1 << 20);
  const std::int64_t in = std::int64_t{shape.height} * shape.width;
  const std::int64_t out = std::int64_t{shape.out_height()} * shape.out_width();
  return static_cast<int>(kMost / std::max(in, out));
}

int filter_channels(const ConvShape& shape) {
  if (shape.groups != 1) return shape.channels / shape.groups;
  return padded_channels(shape.channels);
}
std::int64_t filter_elements(const ConvShape& shape) {
  return std::int64_t{shape.filters} * shape.kernel_height * shape.kernel_width * filter_channels(shape);
}

void pack_filters(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed) {
  pack(shape, canonical, packed);
}
void unpack_filters(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical) {
  unpack(shape, packed, canonical);
}
void pack_filters(const SpaceToDepthConv& conv, std::span<const float> canonical, std::span<float> packed) {
  pack(conv, canonical, packed);
}
void unpack_filters(const SpaceToDepthConv& conv, std::span<const float> packed, std::span<float> canonical) {
  unpack(conv, packed, canonical);
}

// The transformed convolution has one output for each output of the original, at the same position.
SpaceToDepthConv space_to_depth(const ConvShape& original) {
  const int side = original.stride;
  ConvShape transformed = original;
  transformed.channels = side * side * original.channels;
  transformed.kernel_height = (original.kernel_height + side - 1) / side;
  transformed.kernel_width = (original.kernel_width + side - 1) / side;
  transformed.height = original.out_height() + transformed.kernel_height - 1;
  transformed.width = original.out_width() + transformed.kernel_width - 1;
  transformed.stride = 1;
  transformed.pad_top = transformed.pad_left = transformed.pad_bottom = transformed.pad_right = 0;
  return {original, transformed};
}

}  // namespace convoy::cuda
