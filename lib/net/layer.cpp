#include "lib/net/layer.h"

#include <variant>

#include "lib/base/error.h"
#include "lib/base/match.h"

namespace convoy {

bool takes_relu(const LayerKind& kind) {
  return match(
      kind, [](const ConvSpec&) { return true; }, [](const LocalSpec&) { return true; },
      [](const FcSpec&) { return true; }, [](const ReluSpec&) { return false; },
      [](const TanhSpec&) { return false; }, [](const LogisticSpec&) { return false; },
      [](const LrnSpec&) { return false; }, [](const LrnMapSpec&) { return false; },
      [](const PoolSpec&) { return true; }, [](const DropoutSpec&) { return false; },
      [](const SoftmaxSpec&) { return false; });
}

LayerFacts layer_facts(const LayerSpec& layer, const LayerOptions& options) {
  LayerFacts facts;
  facts.in = options.in;
  facts.out = options.in;
  const auto in_place = [&] { facts.in_place = facts.gradient_in_place = true; };
  const auto product = [&] {
    facts.out = {options.in.images, layer.out.channels, layer.out.height, layer.out.width, 1};
    facts.reads_x = true;
    facts.f32_output = options.scores;
  };
  match(
      layer.kind, [&](const ConvSpec&) { product(); }, [&](const LocalSpec&) { product(); },
      [&](const FcSpec&) { product(); }, [&](const ReluSpec&) { in_place(); },
      [&](const TanhSpec&) {
        in_place();
        facts.reads_y = true;
      },
      [&](const LogisticSpec&) {
        in_place();
        facts.reads_y = true;
        // Unlike tanh(x), y does not tell where x is positive.
        facts.reads_x = options.relu_input;
        facts.in_place = !options.relu_input;
      },
      [&](const LrnSpec&) {
        facts.gradient_in_place = true;
        facts.reads_x = true;
      },
      [&](const LrnMapSpec&) { facts.reads_x = true; },
      [&](const PoolSpec& pool) {
        facts.out = pool_shape(layer, pool, options.in).out;
        facts.reads_x = options.relu_input;
        facts.marks = pool.kind == PoolSpec::Kind::max;
      },
      [&](const DropoutSpec&) {
        in_place();
        // After a ReLU, y is positive exactly where the ReLU passed and the mask kept.
        facts.reads_y = options.relu_input;
        facts.marks = true;
      },
      [&](const SoftmaxSpec&) { facts.reads_y = true; });
  return facts;
}

LayerFacts lrn_pool_facts(const LrnPoolShape& shape) {
  LayerFacts facts;
  facts.in = shape.pool.in;
  facts.out = shape.pool.out;
  facts.reads_x = true;
  facts.marks = true;
  return facts;
}

ConvShape conv_shape(const LayerSpec& layer, const FilterSpec& spec, int images) {
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
  return {in,
          spec.size,
          static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / spec.size : spec.alpha),
          static_cast<float>(spec.beta),
          spec.groups};
}

LrnMapShape lrn_map_shape(const LrnMapSpec& spec, const TensorShape& in) {
  const double pixels = static_cast<double>(spec.size) * spec.size;
  return {in, spec.size, static_cast<float>(spec.k),
          static_cast<float>(spec.mean ? spec.alpha / pixels : spec.alpha), static_cast<float>(spec.beta)};
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

DropoutShape dropout_shape(const DropoutSpec& spec, const LayerOptions& options) {
  DropoutShape shape;
  shape.tensor = options.in;
  shape.drop = static_cast<float>(spec.drop);
  shape.scale = spec.scale_at_test ? 1.0F : static_cast<float>(1.0 / (1.0 - spec.drop));
  shape.seed = options.seed;
  shape.layer = options.dropout_layer;
  return shape;
}

float dropout_test_factor(const DropoutSpec& spec) {
  return spec.scale_at_test ? static_cast<float>(1.0 - spec.drop) : 1.0F;
}

}  // namespace convoy
