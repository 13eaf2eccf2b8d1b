// Where the time of training went, and the table of `train --profile`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/net.h"
#include "lib/net/compiled_net.h"

namespace convoy {

// Time of the steps of a run; validation and checkpoints are not in it.
struct StepTimes {
  std::uint64_t steps = 0;
  std::uint64_t images = 0;
  double seconds = 0.0;           // of the steps, by the clock on the wall
  double read_seconds = 0.0;      // of these, waiting for the loader
  std::vector<LayerTime> layers;  // as CompiledNet::times: sums over the steps
};

// What a layer, or layers that run as one, must at least do in a step: the products' floating-point
// operations (a multiply-add is two), and the bytes of activations, gradients and parameters where each
// operand is read once and each result written once, those between joined layers never. A device that rereads
// or reorders moves more.
struct LayerWork {
  std::int64_t flop = 0;
  std::int64_t bytes = 0;
};
// `layers` and `phase` are those of a LayerTime.
[[nodiscard]] LayerWork work_of(const NetSpec& net, int batch, std::size_t element_bytes,
                                const LayerRange& layers, Phase phase);

// after - before, of two calls of CompiledNet::times of one net; an empty `before` is zero.
[[nodiscard]] std::vector<LayerTime> time_between(const std::vector<LayerTime>& before,
                                                  std::vector<LayerTime> after);

// The table for people and awk: a head line; for each phase (read, augment, forward, backward, update) a line
// a layer and one of the phase's sum, whose layer is "(all)"; "other", what the clock has beyond these; a
// line of totals; then lines that begin with '#'. Times are a step's, in milliseconds; "-" stands where
// nothing is counted. Where no layer was timed it says so.
[[nodiscard]] std::string profile_table(const NetSpec& net, int batch, std::size_t element_bytes,
                                        const StepTimes& times);

}  // namespace convoy
