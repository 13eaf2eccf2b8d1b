// Initial values of a net's parameters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/net.h"
#include "lib/net/compiled_net.h"

namespace convoy {

// Draws the initial values of a parameter in its canonical layout: normal with mean 0 and standard deviation
// info.init, or all info.constant if info.init is 0. Element i depends only on seed, index and i: it is draw
// i % 2 of the normal pair made of words i & ~1 and i | 1 of the Philox stream {seed, epoch 0, record index,
// Purpose::init}. index: of the parameter in parameters_of(net). values: info.elements() of them; throws
// Error if there are more than 2^32.
void draw_parameter(const ParameterInfo& info, std::size_t index, std::uint64_t seed,
                    std::span<float> values);

// Draws all parameters of the net and sets them.
void initialize_parameters(CompiledNet& net, std::uint64_t seed);

}  // namespace convoy
