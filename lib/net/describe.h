// What a net costs, and the table of `train --describe`.
#pragma once

#include <cstdint>
#include <string>

#include "formats/net.h"

namespace convoy {

// One multiply-add counts as two floating-point operations; only the products of conv and fc layers count.
struct NetCost {
  std::uint64_t parameters = 0;
  std::int64_t forward_flop = 0;   // of one image
  std::int64_t training_flop = 0;  // of one image: forward, weight gradients, and input gradients but for the
                                   // first learned layer, whose input learns nothing
  std::uint64_t activations = 0;   // values of one image: the input and each layer's output
};
[[nodiscard]] NetCost cost_of(const NetSpec& net);

// A table for people and awk: a head line, then name, kind, output HxWxC, parameters and forward
// multiply-adds of one image for the input and each layer, a line of totals, then lines that begin with '#'
// with FLOPs, and memory for a batch of `batch` images in float32. A backend that fuses or keeps less needs
// less memory than this counts.
[[nodiscard]] std::string describe_net(const NetSpec& net, int batch);

}  // namespace convoy
