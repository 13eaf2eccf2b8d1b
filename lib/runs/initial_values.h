// The first parameters of a run: drawn from its seed, or taken from the layers of a trained net.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/net/compiled_net.h"

namespace convoy {

// Which layers of a net begin with the parameters of a weights file: those whose name it has, and all of
// whose tensors have the same shapes there.
struct InitialLayers {
  std::vector<std::string> taken;
  std::vector<std::string> drawn;   // with the reason: "fc8 (10x4096, there 1000x4096)", "conv6 (not there)"
  std::vector<std::string> unused;  // layers that only the file has
  // "conv1, conv2 taken; drawn from the seed: fc8 (...); not used: fc9".
  [[nodiscard]] std::string text() const;
};
// Throws Error if no layer is taken.
[[nodiscard]] InitialLayers match_layers(const NetSpec& net, const WeightsFile& file);

// Draws all parameters of the net from the seed, and then sets those of the layers `taken` from the file.
// Throws Error if a value in the file is not finite.
void set_initial_parameters(CompiledNet& net, std::uint64_t seed, const WeightsFile& file,
                            const std::vector<std::string>& taken);

}  // namespace convoy
