// Checkpoints: weights files that also hold what a run needs to continue as if it had never stopped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/net/compiled_net.h"
#include "lib/runs/metrics.h"
#include "lib/runs/run_history.h"
#include "lib/runs/training_options.h"

namespace convoy {

// The validation with the least top-1 error; of equal ones the first.
struct BestValidation {
  std::optional<double> error;
  std::uint64_t step = 0;
  bool operator==(const BestValidation&) const = default;
};

// How far a run has come. Everything else that decides how it continues (order, crops, masks, learning rate)
// is a function of the training options, the number of steps, and what the plateau rule has seen.
struct TrainingState {
  std::uint64_t step = 0;         // steps taken
  std::uint64_t records = 0;      // of the training set
  std::uint64_t fingerprint = 0;  // of the training set (LabelScan)
  Totals logged = {};             // since the last line of the log
  bool validation_due = false;    // the validation after the last step was interrupted
  bool validates = false;         // the run was given --val
  bool logs = false;              // the run was given --log
  bool keeps = false;             // the run was given --keep=best or all
  PlateauState plateau = {};
  PlateauState patience = {};  // of --early-stop; it never drops
  BestValidation best = {};    // of a run with `keeps`
  bool operator==(const TrainingState&) const = default;
};

struct Checkpoint {
  TrainingOptions options;
  TrainingState state;
  RunHistory history = {};
};

// What `file` says about its run. Throws Error if it is not a checkpoint, or contradicts itself.
[[nodiscard]] Checkpoint read_checkpoint(const WeightsFile& file);

// Copies the parameters of `file`, its mean, and if `momenta` is set its momenta, into a net compiled from
// the same text; into one of its first layers, those that it has. Throws Error if a value is not finite.
void load_parameters(const WeightsFile& file, CompiledNet& net, bool momenta);

// All parameters of the net. Throws NotFiniteError if a value is infinite or not a number: such a net is not
// worth keeping.
[[nodiscard]] std::vector<std::vector<float>> finite_parameters(const CompiledNet& net);

// Writes the trained net, as eval and predict read it.
void save_weights(const std::string& path, const Model& model, const TrainingOptions& options,
                  const CompiledNet& net, const RunHistory& history = {});
// What it writes: a copy of the parameters. The model must outlive it. Throws NotFiniteError.
[[nodiscard]] WeightsContent weights_of(const Model& model, const TrainingOptions& options,
                                        const CompiledNet& net, const RunHistory& history = {});
// Writes the same with momenta and state. The file appears complete or not at all; an older one stays
// until then.
void save_checkpoint(const std::string& path, const Model& model, const TrainingOptions& options,
                     const TrainingState& state, const CompiledNet& net, const RunHistory& history = {});

}  // namespace convoy
