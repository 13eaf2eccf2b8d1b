#include "lib/runs/solver.h"

#include <cmath>

#include "lib/base/finite.h"

namespace convoy {

BatchResult Solver::step(const Batch& batch) {
  start(batch);
  return finish();
}

void Solver::start(const Batch& batch) {
  const SgdRule rule = phases_.rule(state_.step, state_.records, state_.plateau.drops);
  if (batch.size() > 0) net_.start_step(view_of(batch), rule);
  started_images_.push_back(batch.size());
  ++state_.step;
  last_rate_ = rule.learning_rate;
}

BatchResult Solver::finish() {
  const std::size_t images = started_images_.front();
  BatchResult result;
  if (images > 0) result = net_.finish_step();
  started_images_.pop_front();
  if (!std::isfinite(result.loss_sum)) {
    throw NotFiniteError("step " + std::to_string(state_.step - started_images_.size()),
                         "the loss is not a finite number: training diverged");
  }
  state_.logged.add(result, images);
  return result;
}

}  // namespace convoy
