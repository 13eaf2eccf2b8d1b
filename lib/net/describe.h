// What a net costs, and the table of `train --describe`.
#pragma once

#include <cstdint>
#include <string>

#include "formats/net.h"

namespace convoy {

// Only the products of layers with parameters count; a multiply-add is two floating-point operations.
struct NetCost {
  std::uint64_t parameters = 0;
  std::int64_t forward_flop = 0;   // of one image
  std::int64_t training_flop = 0;  // of one image: forward, weight gradients, and input gradients except for
                                   // the first learned layer, before which nothing learns
  std::uint64_t activations = 0;   // values of one image: the input and each layer's output
};
[[nodiscard]] NetCost cost_of(const NetSpec& net);

// A table for people and awk: a header line; name, kind, output HxWxC, parameters and forward multiply-adds
// of one image for the input and each layer; a line of totals; and lines that begin with '#', with FLOPs and
// the memory for `batch` images in float32. Backends that fuse layers or keep less need less.
[[nodiscard]] std::string describe_net(const NetSpec& net, int batch);

}  // namespace convoy
