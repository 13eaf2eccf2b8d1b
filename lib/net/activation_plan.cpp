#include "lib/net/activation_plan.h"

#include <algorithm>

namespace convoy {
namespace {

// An activation tensor: the net's input, a layer's output, or the scores. The output of a layer that works in
// place is the same value as its input.
struct Value {
  std::uint64_t bytes = 0;
  bool kept = false;  // until the backward pass has read it
};

struct Values {
  std::vector<Value> all;
  std::vector<std::size_t> input_of;  // layer -> value
  std::vector<std::size_t> output_of;
};

Values values_of(std::span<const ActivationUse> layers) {
  Values values;
  values.all.push_back({layers.front().x_bytes, false});
  bool output_read = false;  // by the backward pass of the layer that made the value
  for (const ActivationUse& layer : layers) {
    Value& in = values.all.back();
    in.kept = in.kept || (layer.backward && layer.backward_reads_x);
    values.input_of.push_back(values.all.size() - 1);
    if (!layer.in_place || output_read) values.all.push_back({layer.y_bytes, false});
    output_read = layer.backward && layer.backward_reads_y;
    values.all.back().kept = values.all.back().kept || output_read;
    values.output_of.push_back(values.all.size() - 1);
  }
  values.all.back().kept = true;  // the scores, until the loss is known
  return values;
}

void place_gradients(std::span<const ActivationUse> layers, ActivationPlan& plan) {
  std::size_t side = 0;
  for (std::size_t i = layers.size(); i-- > 0 && layers[i].backward;) {
    plan.layers[i].dy = side;
    if (i == 0 || !layers[i - 1].backward) continue;
    if (!layers[i].gradient_in_place) side = 1 - side;
    plan.layers[i].dx = side;
  }
}

}  // namespace

ActivationPlan plan_activations(std::span<const ActivationUse> layers) {
  const Values values = values_of(layers);
  std::uint64_t gradient_bytes = 0;
  for (const ActivationUse& layer : layers) {
    if (layer.backward) gradient_bytes = std::max(gradient_bytes, layer.dy_bytes);
  }
  ActivationPlan plan;
  plan.buffers = {gradient_bytes, gradient_bytes};
  std::vector<std::size_t> buffer_of;  // value -> buffer
  std::size_t turn = 0;
  for (const Value& value : values.all) {
    if (value.kept) {
      buffer_of.push_back(plan.buffers.size());
      plan.buffers.push_back(value.bytes);
    } else {
      const std::size_t side = turn++ % 2;
      buffer_of.push_back(side);
      plan.buffers[side] = std::max(plan.buffers[side], value.bytes);
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    plan.layers.push_back({.x = buffer_of[values.input_of[i]], .y = buffer_of[values.output_of[i]]});
  }
  place_gradients(layers, plan);
  return plan;
}

}  // namespace convoy
