#include "lib/net/layer.h"

#include <variant>

#include "lib/base/error.h"

namespace convoy {

ConvShape conv_shape(const LayerSpec& layer, const ConvSpec& spec, int images) {
  ConvShape shape;
  shape.images = images;
  shape.channels = layer.in.channels;
  shape.height = layer.in.height;
  shape.width = layer.in.width;
  shape.filters = spec.filters;
  shape.kernel_height = spec.kernel_height;
  shape.kernel_width = spec.kernel_width;
  shape.stride = spec.stride;
  shape.pad_top = spec.pad.top;
  shape.pad_left = spec.pad.left;
  shape.pad_bottom = spec.pad.bottom;
  shape.pad_right = spec.pad.right;
  shape.groups = spec.groups;
  return shape;
}

LrnShape lrn_shape(const LrnSpec& spec, const TensorShape& in) {
  return {in, spec.size, static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / spec.size : spec.alpha), static_cast<float>(spec.beta)};
}

PoolShape pool_shape(const LayerSpec& layer, const PoolSpec& spec, const TensorShape& in) {
  if (std::int64_t{spec.kernel_height} * spec.kernel_width >= kMaxPoolWindow) {
    throw Error(layer.name, "pooling window too large");
  }
  PoolShape shape{in, in, spec.kernel_height, spec.kernel_width, spec.stride, spec.pad.top, spec.pad.left};
  shape.out.height = layer.out.height;
  shape.out.width = layer.out.width;
  return shape;
}

std::optional<LrnPoolShape> lrn_pool_shape(const LayerSpec& first, const LayerSpec& second,
                                           const LayerOptions& options) {
  const auto* const lrn = std::get_if<LrnSpec>(&first.kind);
  const auto* const pool = std::get_if<PoolSpec>(&second.kind);
  if (lrn == nullptr || pool == nullptr || pool->kind != PoolSpec::Kind::max) return std::nullopt;
  return LrnPoolShape{.lrn = lrn_shape(*lrn, options.in),
                      .pool = pool_shape(second, *pool, options.in),
                      .relu_input = options.relu_input,
                      .relu_output = options.relu};
}

}  // namespace convoy
