#include "lib/runs/initial_values.h"

#include <algorithm>
#include <map>

#include "lib/base/error.h"
#include "lib/net/init.h"

namespace convoy {
namespace {

// The tensors of a layer, by their index in parameters_of(net).
using Tensors = std::vector<std::size_t>;

std::map<std::string, Tensors> tensors_by_layer(const NetSpec& net,
                                                const std::vector<ParameterInfo>& parameters) {
  std::map<std::string, Tensors> layers;
  for (std::size_t i = 0; i < parameters.size(); ++i)
    layers[net.layers[parameters[i].layer].name].push_back(i);
  return layers;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text;
  for (const std::uint64_t size : shape) text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

std::string InitialLayers::text() const {
  std::string text = "taken: " + listed(taken);
  if (!drawn.empty()) text += "; drawn from the seed: " + listed(drawn);
  if (!unused.empty()) text += "; not used: " + listed(unused);
  return text;
}

InitialLayers match_layers(const NetSpec& net, const WeightsFile& file) {
  const std::vector<ParameterInfo> mine = parameters_of(net);
  const std::vector<ParameterInfo>& theirs = file.parameters();
  const std::map<std::string, Tensors> here = tensors_by_layer(net, mine);
  const std::map<std::string, Tensors> there = tensors_by_layer(file.model().net, theirs);
  InitialLayers layers;
  for (const LayerSpec& layer : net.layers) {
    const auto own = here.find(layer.name);
    if (own == here.end()) continue;
    const auto other = there.find(layer.name);
    if (other == there.end()) {
      layers.drawn.push_back(layer.name + " (not there)");
      continue;
    }
    const auto same = [&](std::size_t a, std::size_t b) {
      return mine[a].name == theirs[b].name && mine[a].shape == theirs[b].shape;
    };
    if (std::ranges::equal(own->second, other->second, same)) {
      layers.taken.push_back(layer.name);
    } else {
      layers.drawn.push_back(layer.name + " (" + shape_text(mine[own->second.front()].shape) + ", there " +
                             shape_text(theirs[other->second.front()].shape) + ")");
    }
  }
  for (const LayerSpec& layer : file.model().net.layers) {
    if (there.contains(layer.name) && !here.contains(layer.name)) layers.unused.push_back(layer.name);
  }
  if (layers.taken.empty()) {
    throw Error(file.name(), "no layer has the name and the shape of one of the net: " + layers.text());
  }
  return layers;
}

void set_initial_parameters(CompiledNet& net, std::uint64_t seed, const WeightsFile& file,
                            const std::vector<std::string>& taken) {
  initialize_parameters(net, seed);
  const std::vector<ParameterInfo> mine = parameters_of(net.net());
  const std::vector<ParameterInfo>& theirs = file.parameters();
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (std::ranges::find(taken, net.net().layers[mine[i].layer].name) == taken.end()) continue;
    const auto other = std::ranges::find(theirs, mine[i].name, &ParameterInfo::name);
    file.require_finite(other->name);
    net.set_parameter(i, file.parameter(static_cast<std::size_t>(other - theirs.begin())));
  }
}

}  // namespace convoy
