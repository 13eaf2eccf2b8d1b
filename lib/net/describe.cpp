#include "lib/net/describe.h"

#include <vector>

#include "lib/base/console.h"
#include "lib/base/table.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

std::string giga(std::int64_t flop) { return format("%.3f", static_cast<double>(flop) * 1e-9); }

}  // namespace

NetCost cost_of(const NetSpec& net) {
  NetCost cost;
  cost.activations = static_cast<std::uint64_t>(net.input.crop.elements());
  bool learned = false;
  for (const LayerSpec& layer : net.layers) {
    const std::int64_t flop = kFlopPerMultiplyAdd * multiply_adds(layer);
    cost.forward_flop += flop;
    if (flop > 0) {
      cost.training_flop += (learned ? 3 : 2) * flop;
      learned = true;
    }
    cost.activations += static_cast<std::uint64_t>(layer.out.elements());
  }
  for (const ParameterInfo& parameter : parameters_of(net)) cost.parameters += parameter.elements();
  return cost;
}

std::string describe_net(const NetSpec& net, int batch) {
  std::vector<std::uint64_t> parameters(net.layers.size());
  for (const ParameterInfo& parameter : parameters_of(net))
    parameters[parameter.layer] += parameter.elements();

  const NetCost cost = cost_of(net);
  std::vector<std::vector<std::string>> rows = {{"layer", "kind", "output", "parameters", "multiply-adds"},
                                                {"input", "input", text_of(net.input.crop), "0", "0"}};
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerSpec& layer = net.layers[i];
    rows.push_back({layer.name, std::string(kind_name(layer.kind)), text_of(layer.out),
                    std::to_string(parameters[i]), std::to_string(multiply_adds(layer))});
  }
  rows.push_back({"total", "-", "-", std::to_string(cost.parameters),
                  std::to_string(cost.forward_flop / kFlopPerMultiplyAdd)});

  const std::uint64_t parameter_bytes = cost.parameters * sizeof(float);
  const std::uint64_t activation_bytes = cost.activations * sizeof(float) * static_cast<std::uint64_t>(batch);
  constexpr std::size_t kTextColumns = 3;
  std::string text = aligned_table(rows, kTextColumns);
  text += "# an image: forward " + giga(cost.forward_flop) + " GFLOP, training step " +
          giga(cost.training_flop) + " GFLOP\n";
  // Weights, gradients and momenta; activations and their gradients.
  text += "# memory: parameters " + format_bytes(parameter_bytes) + ", in training " +
          format_bytes(3 * parameter_bytes) + "; activations of a batch of " + std::to_string(batch) + " " +
          format_bytes(activation_bytes) + ", in training " + format_bytes(2 * activation_bytes) + "\n";
  return text;
}

}  // namespace convoy
