#include "lib/net/truncated.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "lib/base/count.h"
#include "lib/base/error.h"

namespace convoy {
namespace {

bool is_activation(const LayerKind& kind) {
  return std::holds_alternative<ReluSpec>(kind) || std::holds_alternative<TanhSpec>(kind) ||
         std::holds_alternative<LogisticSpec>(kind);
}

}  // namespace

NetSpec net_up_to(const NetSpec& net, std::string_view layer, std::string_view place) {
  const auto softmax = net.layers.end() - 1;
  const auto found = std::ranges::find(net.layers.begin(), softmax, layer, &LayerSpec::name);
  if (found == softmax) {
    std::vector<std::string> names;
    for (auto one = net.layers.begin(); one != softmax; ++one) names.push_back(one->name);
    throw Error(place, (layer == softmax->name ? "layer '" + softmax->name + "' is the softmax"
                                               : "no layer '" + std::string(layer) + "'") +
                           ": it has " + first_of(names, names.size()));
  }
  auto end = found + 1;
  if (end != softmax && is_activation(end->kind)) ++end;
  NetSpec result{.text = net.text, .input = net.input, .layers = {net.layers.begin(), end}};
  const Extent& out = result.layers.back().out;
  LayerSpec last = *softmax;
  last.in = out;
  last.out = {.height = 1, .width = 1, .channels = static_cast<int>(out.elements())};
  result.layers.push_back(last);
  return result;
}

}  // namespace convoy
