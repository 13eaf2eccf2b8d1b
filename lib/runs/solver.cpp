#include "lib/runs/solver.h"

#include <array>
#include <cmath>
#include <utility>

#include "lib/base/finite.h"

namespace convoy {

void Solver::start(const Batch& part) {
  const SgdRule rule = phases_.rule(state_.step, state_.records, state_.plateau.drops);
  const int number = part_++;
  Started started{.images = part.size(), .computes = part.size() > 0, .ends_step = part_ == parts_.count()};
  BatchView view = view_of(part);
  const bool first = images_ == 0;
  images_ += part.size();
  if (parts_.all > 1) {
    view.part = {.whole = batch_,
                 .images = static_cast<int>(images_),
                 .number = number,
                 .first = exact_sums_ ? number == 0 : first,
                 .last = started.ends_step};
    // Other ranks may have images, and exact sums are those of all parts.
    if (exact_sums_ || (started.ends_step && (images_ > 0 || ranks_ != nullptr))) started.computes = true;
  }
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
  finished_.images += oldest.images;
  finished_.result.add(result);
  if (!oldest.ends_step) return std::nullopt;
  StepResult whole = std::exchange(finished_, {});
  if (ranks_ != nullptr) sum_over_ranks(whole);
  if (!std::isfinite(whole.result.loss_sum)) {
    throw NotFiniteError("step " + std::to_string(step),
                         "the loss is not a finite number: training diverged");
  }
  state_.logged.add(whole.result, whole.images);
  return whole;
}

void Solver::sum_over_ranks(StepResult& step) const {
  std::array sums = {static_cast<double>(step.images), step.result.loss_sum,
                     static_cast<double>(step.result.top1_wrong),
                     static_cast<double>(step.result.top5_wrong)};
  ranks_->sum(sums);
  step = {.images = static_cast<std::size_t>(sums[0]),
          .result = {.loss_sum = sums[1],
                     .top1_wrong = static_cast<std::int64_t>(sums[2]),
                     .top5_wrong = static_cast<std::int64_t>(sums[3])}};
}

}  // namespace convoy
