// How a net's parameters start.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "formats/net.h"
#include "lib/net/compiled_net.h"

namespace convoy {

// Draws the initial values of a parameter in its canonical layout: normal with standard deviation info.init
// and mean 0, or info.constant where that is 0. Element i is a function of seed, index and i alone: draw i %
// 2 of the pair that words i & ~1 and i | 1 give, of the Philox stream {seed, epoch 0, record index,
// Purpose::init}. index: the parameter's in parameters_of(net). values: info.elements() of them, at most 2^32
// (Error).
void draw_parameter(const ParameterInfo& info, std::size_t index, std::uint64_t seed,
                    std::span<float> values);

// Draws all parameters of the net and sets them.
void initialize_parameters(CompiledNet& net, std::uint64_t seed);

}  // namespace convoy
