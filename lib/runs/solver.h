// Stochastic gradient descent, one batch after another (Krizhevsky et al. 2012, section 5).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "lib/net/compiled_net.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/loader.h"
#include "lib/runs/training_options.h"
#include "lib/runs/training_phases.h"

namespace convoy {

class Solver {
 public:
  // Continues from `state`. The net must hold the parameters and momenta of that state, and outlive
  // the solver.
  // Throws UsageError if the options are not for this net.
  // parts: those of each batch that this process computes. ranks: that compute the others; nullptr: none.
  // They must outlive the solver.
  Solver(CompiledNet& net, const TrainingOptions& options, const TrainingState& state,
         const PartRange& parts = {}, Ranks* ranks = nullptr)
      : net_(net),
        phases_(options, net.net()),
        batch_(options.batch),
        parts_(parts),
        exact_sums_(options.exact_sums),
        ranks_(ranks),
        state_(state) {}

  // What a step computed.
  struct StepResult {
    std::size_t images = 0;  // without damaged ones
    BatchResult result;
  };

  // Starts the next part of a step, with the learning rate that the schedule gives the step. A batch without
  // images, because all are damaged, only counts as a step. `state` counts a step when its last part starts,
  // and its result when that is finished. After start(), `part` may be changed.
  void start(const Batch& part);
  // Finishes the oldest part that is started. Returns the result of its step, of all ranks, if it is the last
  // of that. Throws NotFiniteError if the loss is not a finite number: the net is then worthless.
  std::optional<StepResult> finish();
  // Parts that are started and not finished, and steps of which the last part is.
  [[nodiscard]] std::size_t started() const { return started_.size(); }
  [[nodiscard]] std::size_t started_steps() const {
    return static_cast<std::size_t>(std::ranges::count(started_, true, &Started::ends_step));
  }

  [[nodiscard]] const TrainingState& state() const { return state_; }
  [[nodiscard]] TrainingState& state() { return state_; }
  // Images taken from the stream of epochs so far.
  [[nodiscard]] std::uint64_t seen() const { return state_.step * static_cast<std::uint64_t>(batch_); }
  [[nodiscard]] double epoch() const {
    return static_cast<double>(seen()) / static_cast<double>(state_.records);
  }
  // Of the last step; 0 before the first.
  [[nodiscard]] double learning_rate() const {
    if (last_rate_) return *last_rate_;
    if (state_.step == 0) return 0.0;
    return phases_.rule(state_.step - 1, state_.records, state_.plateau.drops).learning_rate;
  }
  [[nodiscard]] const TrainingPhases& phases() const { return phases_; }

 private:
  CompiledNet& net_;
  TrainingPhases phases_;
  struct Started {
    std::size_t images = 0;
    bool computes = false;  // the net has started it
    bool ends_step = false;
  };

  void sum_over_ranks(StepResult& step) const;

  int batch_;
  PartRange parts_;
  bool exact_sums_;
  Ranks* ranks_;
  TrainingState state_;
  int part_ = 0;                     // the next of its step
  std::size_t images_ = 0;           // of the step's parts so far
  StepResult finished_;              // likewise, of those that are finished
  std::optional<double> last_rate_;  // of this solver's last step
  std::deque<Started> started_;
};

}  // namespace convoy
