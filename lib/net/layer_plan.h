// Which layers of a net are computed as one, and what each needs to know about its neighbours. The plan is
// the same for every backend.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "formats/net.h"
#include "lib/base/error.h"
#include "lib/net/compiled_net.h"
#include "lib/net/layer.h"

namespace convoy {

// A layer of the plan and the memory it works on.
template <typename BackendLayer>
struct PlannedLayer {
  LayerRange layers;  // the layers of the net that it computes
  std::unique_ptr<BackendLayer> layer;
  void* x = nullptr;
  void* y = nullptr;
  void* dy = nullptr;
  void* dx = nullptr;         // nullptr if no earlier layer may learn
  bool backward = false;      // this layer or an earlier one may learn
  bool learns = false;        // it has parameters that may learn
  std::size_t parameter = 0;  // index of its weights in parameters_of(net)
  bool steps = false;         // a parameter of it learns in the current step (choose_steps)
};

// Planned: a PlannedLayer or a struct derived from it.
template <typename Planned>
struct LayerPlan {
  std::vector<Planned> layers;                  // all but the softmax
  std::vector<std::size_t> layer_of_parameter;  // index in parameters_of(net) -> index in layers
  bool relu_scores = false;                     // a ReLU is before the softmax

  // The layer that has parameter `index` of parameters_of(net).
  [[nodiscard]] const Planned& layer_of(std::size_t index) const {
    return layers[layer_of_parameter.at(index)];
  }
};

// Marks the layers that learn in a step. Returns the index of the lowest one in plan.layers, or their number
// if there is none: the backward pass ends there. parameters: parameters_of(net). Throws Error if the plan is
// not for a layer that is to learn.
template <typename Planned>
[[nodiscard]] std::size_t choose_steps(LayerPlan<Planned>& plan, const std::vector<ParameterInfo>& parameters,
                                       const SgdRule& rule) {
  for (Planned& p : plan.layers) p.steps = false;
  std::size_t lowest = plan.layers.size();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (factors_of(rule, parameters[i], i).lr == 0) continue;
    const std::size_t layer = plan.layer_of_parameter.at(i);
    if (!plan.layers[layer].learns) throw Error(parameters[i].name, "the net is compiled not to learn it");
    plan.layers[layer].steps = true;
    lowest = std::min(lowest, layer);
  }
  return lowest;
}

// A ReLU after a layer that takes one becomes part of it (the ReLU protocol, lib/net/layer.h).
// make_layer(spec, options) makes a layer; make_pair(first, second, options) makes one layer of two, or
// returns nullptr if the backend has no pass for both. options: what all layers share, and the net's input.
// learning: whether each layer of the net may learn, CompileOptions::learning.
template <typename Planned, typename MakeLayer, typename MakePair>
[[nodiscard]] LayerPlan<Planned> plan_layers(const NetSpec& net, std::vector<bool> learning,
                                             LayerOptions options, MakeLayer&& make_layer,
                                             MakePair&& make_pair) {
  if (learning.empty()) learning = learning_layers(net);
  if (learning.size() != net.layers.size()) throw Error("net", "the layers that learn are of another net");
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  const std::size_t end = net.layers.size() - 1;  // the softmax
  const auto relu_at = [&](std::size_t i) {
    return i < end && std::holds_alternative<ReluSpec>(net.layers[i].kind);
  };
  LayerPlan<Planned> plan;
  for (std::size_t i = 0, next = 0; i < end; i = next) {
    const LayerSpec& spec = net.layers[i];
    Planned planned;
    options.first = i == 0;
    next = i + 1;
    if (next < end) {
      options.relu = relu_at(next + 1);
      planned.layer = make_pair(spec, net.layers[next], options);
      if (planned.layer != nullptr) ++next;
    }
    const bool has_parameters = learned(spec.kind) != nullptr;
    if (planned.layer == nullptr) {
      options.relu = relu_at(next) && takes_relu(spec.kind);
      options.scores = has_parameters && next == end;
      planned.layer = make_layer(spec, options);
    }
    if (options.relu) ++next;
    planned.layers = {i, next};
    planned.learns = options.train && has_parameters && learning[i];
    planned.backward = options.train && (options.input_gradient || planned.learns);
    planned.parameter = plan.layer_of_parameter.size();
    for (const ParameterInfo& parameter : parameters) {
      if (parameter.layer == i) plan.layer_of_parameter.push_back(plan.layers.size());
    }
    if (std::holds_alternative<DropoutSpec>(spec.kind)) ++options.dropout_layer;
    options.input_gradient = options.input_gradient || (has_parameters && learning[i]);
    options.relu_input = options.relu || std::holds_alternative<ReluSpec>(spec.kind);
    options.in = planned.layer->facts().out;
    plan.layers.push_back(std::move(planned));
  }
  plan.relu_scores = options.relu_input;
  return plan;
}

// The lines of CompiledNet::describe_primitives.
template <typename Planned>
[[nodiscard]] std::vector<std::string> describe_layers(const NetSpec& net,
                                                       const std::vector<Planned>& layers) {
  std::vector<std::string> lines;
  for (const Planned& p : layers) {
    for (const std::string& line : p.layer->describe()) {
      lines.push_back(joined_name(net, p.layers) + " " + line);
    }
  }
  return lines;
}

// Bytes of the scratch memory that all layers share.
template <typename Planned>
[[nodiscard]] std::size_t scratch_bytes_of(const std::vector<Planned>& layers) {
  std::size_t bytes = 0;
  for (const Planned& p : layers) bytes = std::max(bytes, p.layer->facts().scratch_bytes);
  return bytes;
}

}  // namespace convoy
