// How much memory a net will take, before it is compiled.
#pragma once

#include <cstdint>

#include "formats/net.h"
#include "lib/net/compiled_net.h"

namespace convoy {

struct MemoryNeed {
  std::uint64_t fixed_bytes = 0;  // parameters, momenta, gradients
  std::uint64_t image_bytes = 0;  // of each image of the batch: activations and their gradients
  [[nodiscard]] std::uint64_t of_batch(int images) const {
    return fixed_bytes + image_bytes * static_cast<std::uint64_t>(images);
  }
};

// What a CPU takes for it. An estimate: what layers keep for the backward pass and two gradients, or in
// inference the input and the output of a layer, and the parameters, without scratch memory and copies of
// weights in other layouts. Layers that run as one take less.
[[nodiscard]] MemoryNeed memory_need(const NetSpec& net, const CompileOptions& options);

}  // namespace convoy
