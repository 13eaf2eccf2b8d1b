#include <algorithm>

#include "kernels/cuda/batch.h"
#include "kernels/cuda/conv_layout.h"
#include "kernels/local.h"

namespace convoy::cuda {
namespace {

// Calls body(first canonical weight, first packed weight) for each position.
template <typename Body>
void for_each_position(const ConvShape& shape, Body&& body) {
  const auto canonical = static_cast<std::size_t>(shape.weights());
  const auto packed = static_cast<std::size_t>(filter_elements(shape));
  for (std::size_t position = 0; position < static_cast<std::size_t>(positions_of(shape)); ++position) {
    body(position * canonical, position * packed);
  }
}

// Calls body(canonical index, packed index) for each bias.
template <typename Body>
void for_each_bias(const ConvShape& shape, Body&& body) {
  const auto positions = static_cast<std::size_t>(positions_of(shape));
  const auto filters = static_cast<std::size_t>(shape.filters);
  const auto pitch = static_cast<std::size_t>(padded_channels(shape.filters));
  for (std::size_t k = 0; k < filters; ++k) {
    for (std::size_t position = 0; position < positions; ++position) {
      body(k * positions + position, position * pitch + k);
    }
  }
}

}  // namespace

std::int64_t local_weight_elements(const ConvShape& shape) {
  return positions_of(shape) * filter_elements(shape);
}
std::int64_t local_bias_elements(const ConvShape& shape) {
  return positions_of(shape) * padded_channels(shape.filters);
}

void pack_local_weights(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed) {
  for_each_position(shape, [&](std::size_t from, std::size_t to) {
    pack_filters(shape, canonical.subspan(from, static_cast<std::size_t>(shape.weights())),
                 packed.subspan(to, static_cast<std::size_t>(filter_elements(shape))));
  });
}
void unpack_local_weights(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical) {
  for_each_position(shape, [&](std::size_t to, std::size_t from) {
    unpack_filters(shape, packed.subspan(from, static_cast<std::size_t>(filter_elements(shape))),
                   canonical.subspan(to, static_cast<std::size_t>(shape.weights())));
  });
}
void pack_local_bias(const ConvShape& shape, std::span<const float> canonical, std::span<float> packed) {
  std::ranges::fill(packed, 0.0F);
  for_each_bias(shape, [&](std::size_t from, std::size_t to) { packed[to] = canonical[from]; });
}
void unpack_local_bias(const ConvShape& shape, std::span<const float> packed, std::span<float> canonical) {
  for_each_bias(shape, [&](std::size_t to, std::size_t from) { canonical[to] = packed[from]; });
}

}  // namespace convoy::cuda
