// Which buffers hold a net's activations and their gradients. The plan is the same for every backend.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/element.h"
#include "kernels/tensor_shape.h"
#include "lib/net/layer.h"

namespace convoy {

// What a layer does with its input x, its output y, and their gradients.
struct ActivationUse {
  std::uint64_t x_bytes = 0;
  std::uint64_t y_bytes = 0;
  std::uint64_t dy_bytes = 0;
  bool in_place = false;  // y may be x
  bool gradient_in_place = false;
  bool backward = false;  // runs a backward pass, as all later layers then do; false for inference
  bool backward_reads_x = false;
  bool backward_reads_y = false;
};

struct ActivationPlan {
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();
  struct Layer {  // indices of buffers
    std::size_t x = 0;
    std::size_t y = 0;
    std::size_t dy = kNone;
    std::size_t dx = kNone;
  };
  // Bytes of each buffer. The first two serve in turn for the gradients, and for activations that are not
  // read later. Each activation that the backward pass reads has a buffer of its own.
  std::vector<std::uint64_t> buffers;
  std::vector<Layer> layers;
};

[[nodiscard]] ActivationPlan plan_activations(std::span<const ActivationUse> layers);

// The plan for a backend's layers: structs with `layer`, `backward`, and the pointers x, y, dy and dx, for
// bind_activations() to set.
template <typename PlannedLayer>
[[nodiscard]] ActivationPlan plan_activations_of(const std::vector<PlannedLayer>& layers, Element element) {
  const auto bytes_of = [&](const TensorShape& shape, bool f32) {
    return static_cast<std::uint64_t>(shape.elements()) * (f32 ? sizeof(float) : element_bytes(element));
  };
  std::vector<ActivationUse> uses;
  for (const PlannedLayer& p : layers) {
    const LayerFacts& facts = p.layer->facts();
    uses.push_back({.x_bytes = bytes_of(facts.in, false),
                    .y_bytes = bytes_of(facts.out, facts.f32_output),
                    .dy_bytes = bytes_of(facts.out, false),
                    .in_place = facts.in_place,
                    .gradient_in_place = facts.gradient_in_place,
                    .backward = p.backward,
                    .backward_reads_x = facts.reads_x,
                    .backward_reads_y = facts.reads_y});
  }
  return plan_activations(uses);
}

// buffers: the addresses of the plan's buffers.
template <typename PlannedLayer>
void bind_activations(const ActivationPlan& plan, std::span<void* const> buffers,
                      std::vector<PlannedLayer>& layers) {
  const auto at = [&](std::size_t buffer) {
    return buffer == ActivationPlan::kNone ? nullptr : buffers[buffer];
  };
  for (std::size_t i = 0; i < layers.size(); ++i) {
    layers[i].x = at(plan.layers[i].x);
    layers[i].y = at(plan.layers[i].y);
    layers[i].dy = at(plan.layers[i].dy);
    layers[i].dx = at(plan.layers[i].dx);
  }
}

}  // namespace convoy
