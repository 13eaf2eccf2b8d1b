#include "lib/runs/solver.h"

#include <cmath>
#include <utility>

#include "lib/base/finite.h"

namespace convoy {

void Solver::start(const Batch& part) {
  SgdRule rule = phases_.rule(state_.step, state_.records, state_.plateau.drops);
  Started started{.images = part.size(), .computes = part.size() > 0, .ends_step = ++part_ == parts_};
  BatchView view = view_of(part);
  if (parts_ > 1) {
    view.part = {.whole = batch_, .first = images_ == 0, .last = started.ends_step};
    if (started.ends_step && images_ > 0) started.computes = true;
  }
  images_ += part.size();
  if (parts_ > 1 && images_ > 0) rule.gradient_scale = batch_ / static_cast<double>(images_);
  if (started.computes) net_.start_step(view, rule);
  started_.push_back(started);
  if (!started.ends_step) return;
  part_ = 0;
  images_ = 0;
  ++state_.step;
  last_rate_ = rule.learning_rate;
}

std::optional<Solver::StepResult> Solver::finish() {
  const Started oldest = started_.front();
  const std::uint64_t step = state_.step - started_steps() + 1;
  BatchResult result;
  if (oldest.computes) result = net_.finish_step();
  started_.pop_front();
  if (!std::isfinite(result.loss_sum)) {
    throw NotFiniteError("step " + std::to_string(step),
                         "the loss is not a finite number: training diverged");
  }
  finished_.images += oldest.images;
  finished_.result.add(result);
  if (!oldest.ends_step) return std::nullopt;
  const StepResult whole = std::exchange(finished_, {});
  state_.logged.add(whole.result, whole.images);
  return whole;
}

}  // namespace convoy
