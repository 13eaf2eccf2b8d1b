#include "lib/runs/loss_watch.h"

#include <cmath>
#include <utility>

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

LossAlarm::LossAlarm(int classes) : guessing_(std::log(classes)) {}

bool LossAlarm::add(double loss) {
  sum_ += loss;
  ++steps_;
  if (std::exchange(first_, false) && judge(loss, 1, kFirstFarAbove)) return true;
  return steps_ == kWindow && finish();
}

bool LossAlarm::finish() {
  const std::uint64_t steps = std::exchange(steps_, 0);
  const double sum = std::exchange(sum_, 0.0);
  return steps > 0 && judge(sum / static_cast<double>(steps), steps, kFarAbove);
}

bool LossAlarm::judge(double loss, std::uint64_t steps, double limit) {
  // With one class there is nothing to guess.
  if (said_ || guessing_ <= 0 || loss <= limit * guessing_) return false;
  training_loss_ = loss;
  training_steps_ = steps;
  said_ = true;
  return true;
}

bool LossAlarm::add_validation(double loss) {
  if (said_of_validation_ || guessing_ <= 0 || loss <= kFarAbove * guessing_) return false;
  said_of_validation_ = true;
  return true;
}

}  // namespace convoy
