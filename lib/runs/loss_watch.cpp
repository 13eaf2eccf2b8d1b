#include "lib/runs/loss_watch.h"

namespace convoy {

bool LossWatch::add(double loss) {
  sum_ += loss;
  if (++steps_ < kWindow) return false;
  window_loss_ = sum_ / static_cast<double>(steps_);
  sum_ = 0.0;
  steps_ = 0;
  // With one class the loss may be 0 from the start, and there is nothing to learn.
  if (said_ || chance_loss_ <= 0 || window_loss_ < kBetterThanChance * chance_loss_) return false;
  said_ = true;
  return true;
}

}  // namespace convoy
