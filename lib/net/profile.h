// How the time of training was spent: the table of `train --profile`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "formats/net.h"
#include "lib/net/compiled_net.h"

namespace convoy {

// Time of a run's steps, without validation and checkpoints.
struct StepTimes {
  std::uint64_t steps = 0;
  std::uint64_t images = 0;
  double seconds = 0.0;           // wall-clock time of the steps
  double read_seconds = 0.0;      // of that, waiting for the loader
  std::vector<LayerTime> layers;  // as CompiledNet::times(): sums over the steps
};

// The least work of a layer, or of layers that run as one, in a step: the floating-point operations of the
// products (a multiply-add is two), and the bytes of activations, gradients and parameters if each operand is
// read once and each result written once; activations between fused layers are not moved. A device that
// rereads or reorders moves more.
struct LayerWork {
  std::int64_t flop = 0;
  std::int64_t bytes = 0;
};
// `layers` and `phase` are those of a LayerTime.
[[nodiscard]] LayerWork work_of(const NetSpec& net, int batch, std::size_t element_bytes,
                                const LayerRange& layers, Phase phase);

// after - before, both from CompiledNet::times() of one net; an empty `before` is zero.
[[nodiscard]] std::vector<LayerTime> time_between(const std::vector<LayerTime>& before,
                                                  std::vector<LayerTime> after);

// A table for people and awk: a header line; for each phase (read, augment, forward, backward, update) a line
// per layer and a line of the phase's sum, whose layer is "(all)"; "other", the time that is in no phase; a
// line of totals; then lines that begin with '#'. Times are milliseconds per step; "-" means not counted. A
// line says so if no layer was timed.
[[nodiscard]] std::string profile_table(const NetSpec& net, int batch, std::size_t element_bytes,
                                        const StepTimes& times);

}  // namespace convoy
