#include "lib/nn/solver.h"

#include <cmath>

#include "lib/nn/batch_view.h"
#include "lib/nn/not_finite_error.h"

namespace convoy {

BatchResult Solver::step(const Batch& batch) {
  const SgdRule rule = options_.rule(state_.step, state_.records);
  learning_rate_ = rule.learning_rate;
  BatchResult result;
  if (batch.size() > 0) result = net_.train_step(view_of(batch), rule);
  ++state_.step;
  if (!std::isfinite(result.loss_sum)) {
    throw NotFiniteError("step " + std::to_string(state_.step),
                         "the loss is not a finite number: training diverged");
  }
  state_.logged.add(result, batch.size());
  return result;
}

}  // namespace convoy
