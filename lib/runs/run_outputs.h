// What a training run writes: its log, its checkpoints and its weights. Days of training are not thrown away
// because a disk is full or a folder is gone for a while: the run goes on and tries again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/console.h"
#include "lib/net/compiled_net.h"
#include "lib/ranks/ranks.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/interval.h"
#include "lib/runs/labels.h"
#include "lib/runs/sampling.h"
#include "lib/runs/training_log.h"
#include "lib/shards/dataset.h"

namespace convoy {

// --keep: which weights a run writes besides those of its last step.
enum class Keep {
  last,  // none
  best,  // those of the validation with the least top-1 error
  all,   // those, and those of each completed epoch
};

// How a run reports and saves; this does not change the result.
struct RunOptions {
  Keep keep = Keep::last;
  std::string output;      // of the weights; the files of --keep are named after it
  std::string checkpoint;  // file; empty: none
  Interval checkpoint_every;
  bool checkpoint_at_start = false;  // before the first step
  bool checkpoint_at_end = false;
  std::string resumed_from;  // the checkpoint that the run continues; empty: none
  Interval validate_every;
  Interval log_every;
};

// What a run works on. All of it must outlive the run.
struct RunInputs {
  const Model& model;
  const TrainingOptions& options;
  const Dataset& training;
  const LabelScan& labels;    // of the training set
  const Dataset* validation;  // nullptr: none
  const RunHistory& history;
  PartRange parts = {};    // of each batch, that this process computes
  Ranks* ranks = nullptr;  // that compute the others; nullptr: none
};

// A checkpoint that could not be written is tried again after so many seconds, if none is due before.
inline constexpr double kCheckpointRetrySeconds = 60;
// Weights that cannot be written are tried for as long as the steps took that would be lost, but no longer
// than this.
inline constexpr double kMaxWeightsRetrySeconds = 3600;

class RunOutputs {
 public:
  // Everything must outlive this.
  RunOutputs(const CompiledNet& net, const RunInputs& inputs, const RunOptions& run,
             std::optional<TrainingLog> log, Console& console);

  [[nodiscard]] bool logs() const { return log_.has_value(); }
  // Writes a row of the log, and those that wait.
  void add(const LogRow& row);
  // Puts the log on disk.
  void sync_log();

  // Writes the first checkpoint of a run. Throws what prevents it, since nothing is lost yet.
  void save_first(const TrainingState& state);
  // Whether a checkpoint is due after a step, or one that could not be written is to be tried again.
  [[nodiscard]] bool is_due(const TrainingState& state) const;
  // Whether the run writes checkpoints by itself.
  [[nodiscard]] bool writes_checkpoints() const {
    return !run_.checkpoint.empty() && run_.checkpoint_every.unit() != Interval::Unit::never;
  }
  // Writes a checkpoint, or says that this failed. The log must not lag behind it, and is synced before.
  // requested: by the user, who is told also if it succeeds.
  void save(const TrainingState& state, bool requested);
  // The step of the last checkpoint that this run has written.
  [[nodiscard]] std::optional<std::uint64_t> saved_step() const { return saved_step_; }

  // Writes the checkpoint of a finished run, if it is to have one; finish() says if that fails.
  void save_last(const TrainingState& state);
  // Writes the checkpoint of a run that a signal stops, and says where it stopped and what is lost.
  void stop(const TrainingState& state);

  // Writes the weights, after the last step. If that fails, a checkpoint of that step is as good; if that
  // fails, too, tries again until a signal stops it or too much time has passed. Returns whether the weights
  // are written; if not, says what is lost, and what can be done.
  [[nodiscard]] bool save_weights(const std::string& output, const TrainingState& state);
  // Tries a last time to write what is missing of a finished run. Returns whether everything is on disk, and
  // says what is not.
  [[nodiscard]] bool finish(const TrainingState& state);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] std::string try_checkpoint(const TrainingState& state);
  void tell_of_log();
  // Says what of the log is not written; returns whether all of it is.
  [[nodiscard]] bool finish_log();
  void tell_of_checkpoint(const std::string& failure, std::uint64_t step, bool requested);
  [[nodiscard]] std::string rest(const TrainingState& state) const;

  const CompiledNet& net_;
  RunInputs inputs_;
  const RunOptions& run_;
  std::optional<TrainingLog> log_;
  Console& console_;
  Clock::time_point last_save_ = Clock::now();
  Clock::time_point last_try_ = Clock::now();
  std::optional<std::uint64_t> saved_step_;
  std::string log_failure_;         // that the user has been told; empty: none
  std::string checkpoint_failure_;  // the same
};

}  // namespace convoy
