// A training run: steps, validation, log, checkpoints, signals, and what to tell the user meanwhile.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "lib/base/console.h"
#include "lib/net/compiled_net.h"
#include "lib/net/profile.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/kept_weights.h"
#include "lib/runs/loss_watch.h"
#include "lib/runs/run_outputs.h"
#include "lib/runs/schedule.h"
#include "lib/runs/solver.h"
#include "lib/shards/dataset.h"
#include "lib/shards/rejects.h"

namespace convoy {

// The images of a run, in the order of its steps.
[[nodiscard]] TrainingStream stream_of(const RunInputs& inputs);

class Trainer {
 public:
  // The net must hold the parameters, momenta and mean of `state`.
  Trainer(CompiledNet& net, const RunInputs& inputs, const RunOptions& run, const TrainingState& state,
          std::optional<TrainingLog> log, Rejects& rejects, Console& console);

  // Trains to the last step, or to where --early-stop ends the run, under the caller's SignalWatch. Returns 0
  // if training completed, else the signal that stopped it; the run is then checkpointed. A signal that comes
  // once everything is done is ignored. That an output cannot be written is said, and ends nothing. Throws
  // Error, which says what to try, if training diverges.
  [[nodiscard]] int run();

  // After run(): writes the weights, and what else is missing. Returns whether everything is on disk, and
  // says what is not.
  [[nodiscard]] bool save_weights(const std::string& output);
  // Whether a line of the rejects is lost.
  [[nodiscard]] bool lost_rejects() const { return lost_rejects_; }

  [[nodiscard]] const TrainingState& state() const { return solver_.state(); }
  // The time of the steps that this run took, without validation and without the steps before it was resumed.
  [[nodiscard]] StepTimes times() const;

 private:
  using Clock = std::chrono::steady_clock;

  void train_step(BatchLoader& loader);
  // Takes the results of started parts of steps until only `left` are under way.
  void finish_steps(std::size_t left);
  void add_time_since(Clock::time_point start);
  void warn_of_loss();
  void warn_of_high_loss();
  void warn_of_high_validation_loss(double loss);
  // Logs the step that was started last, as soon as its result is there.
  void log_training();
  void write_row();
  void validate();
  // Takes the validation of the step: for the plateau rule, for --early-stop and for --keep.
  void judge_validation(const Totals& totals);
  void ask_plateau(double error);
  void ask_patience(double error);
  // Writes what --keep wants of the step.
  void keep_weights(const std::optional<double>& error, bool best);
  // Whether no step is to follow.
  [[nodiscard]] bool over() const { return state().step >= total_steps_ || stops_early(); }
  [[nodiscard]] bool stops_early() const { return inputs_.options.stops_early(state().patience.stale); }
  // Says which changes of --at begin with the next step.
  void tell_of_changes();
  // Whether a validation is due by its interval, and not only because the run ends.
  [[nodiscard]] bool validation_is_regular() const;
  void save_if_due(bool requested);
  // Asks all ranks, after each step: whether a signal has asked any to stop, or for a checkpoint, and what
  // they have to reject.
  void agree();
  // Rejects what is in damage_, of all ranks.
  void reject_damage();
  void reject(const std::string& place, const std::string& reason, const Loss& loss);
  // What the user can do when training has diverged.
  [[nodiscard]] std::string advice() const;

  CompiledNet& net_;
  RunInputs inputs_;
  RunOptions run_;
  std::uint64_t total_steps_;
  Solver solver_;
  LossWatch watch_;
  LossAlarm alarm_;
  RunOutputs outputs_;
  KeptWeights kept_;
  Rejects& rejects_;
  Console& console_;
  bool lost_rejects_ = false;
  std::vector<Damage> damage_;  // of this rank, not yet rejected
  int stop_signal_ = 0;
  bool checkpoint_requested_ = false;
  std::optional<LogRow> row_;  // to be completed and logged when its step is finished
  double logged_seconds_ = 0.0;
  StepTimes times_;                    // without the layers
  std::vector<LayerTime> validating_;  // the part of the net's times that validation took
  double last_loss_ = 0.0;
  const TrainingPhase* phase_ = nullptr;  // of the last step
};

}  // namespace convoy
