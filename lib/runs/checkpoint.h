// Checkpoints: weights files that also hold what a run needs to go on as if it had never stopped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/net/compiled_net.h"
#include "lib/runs/metrics.h"
#include "lib/runs/training_options.h"

namespace convoy {

// Where a run stands. Everything else that decides how it goes on is a function of the training options and
// the number of steps: order, crops, masks, learning rate.
struct TrainingState {
  std::uint64_t step = 0;         // steps taken
  std::uint64_t records = 0;      // of the training set
  std::uint64_t fingerprint = 0;  // of the training set (LabelScan)
  Totals logged = {};             // since the last line of the log
  bool validation_due = false;    // the validation after the last step was interrupted
  bool validates = false;         // the run was given --val
  bool logs = false;              // the run was given --log
  bool operator==(const TrainingState&) const = default;
};

struct Checkpoint {
  TrainingOptions options;
  TrainingState state;
};

// What `file` says of its run. Throws Error where it is no checkpoint.
[[nodiscard]] Checkpoint read_checkpoint(const WeightsFile& file);

// Parameters of `file`, and its momenta where `momenta` is set, into a net compiled from the same text.
// Throws Error where a value is not finite.
void load_parameters(const WeightsFile& file, CompiledNet& net, bool momenta);

// All parameters of the net. Throws NotFiniteError where one is infinite or not a number: such a net is not
// worth keeping.
[[nodiscard]] std::vector<std::vector<float>> finite_parameters(const CompiledNet& net);

// The trained net, as eval and predict want it.
void save_weights(const std::string& path, const Model& model, const TrainingOptions& options,
                  const CompiledNet& net);
// The same with momenta and state. The file appears whole or not at all, and an older one stays until then.
void save_checkpoint(const std::string& path, const Model& model, const TrainingOptions& options,
                     const TrainingState& state, const CompiledNet& net);

}  // namespace convoy
