// The first layers of a net, to compute the activations of a layer.
#pragma once

#include <string_view>

#include "formats/net.h"

namespace convoy {

// The net up to the layer with that name, and with the activation function (ReLU, tanh, logistic) that
// follows it directly: those are what the paper and its successors call the layer's activations. A softmax
// over all elements of the output takes the place of the rest. Its parameters are the first ones of `net`.
// Throws Error(place, ...) if there is no such layer, or if it is the softmax.
[[nodiscard]] NetSpec net_up_to(const NetSpec& net, std::string_view layer, std::string_view place);

}  // namespace convoy
