// Stochastic gradient descent, one batch after another (Krizhevsky et al. 2012, section 5).
#pragma once

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
  Solver(CompiledNet& net, const TrainingOptions& options, const TrainingState& state)
      : net_(net), phases_(options, net.net()), batch_(options.batch), state_(state) {}

  // Does one step with the learning rate that the schedule gives it. A batch without images, because all
  // are damaged, only counts as a step. Throws NotFiniteError if the loss is not a finite number: the net
  // is then worthless.
  BatchResult step(const Batch& batch);
  // The same in two halves, as in CompiledNet: `state` counts a step when it starts, and its result when it
  // is finished. After start(), `batch` may be changed.
  void start(const Batch& batch);
  BatchResult finish();
  // Steps that are started and not finished.
  [[nodiscard]] std::size_t started() const { return started_images_.size(); }
  [[nodiscard]] std::size_t oldest_images() const { return started_images_.front(); }

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
  int batch_;
  TrainingState state_;
  std::optional<double> last_rate_;         // of this solver's last step
  std::deque<std::size_t> started_images_;  // images of each step that is started and not finished
};

}  // namespace convoy
