// Notices a loss that does not fall.
#pragma once

#include <cstdint>

namespace convoy {

// A net that has learned nothing has the loss of guessing by the frequencies of the classes: ln(classes) if
// they are equally frequent. Without a warning, a run may stay there for hours.
class LossWatch {
 public:
  static constexpr std::uint64_t kWindow = 1000;  // steps
  static constexpr double kBetterThanChance =
      0.99;  // times the chance loss: below this, something was learned

  explicit LossWatch(double chance_loss) : chance_loss_(chance_loss) {}

  // Takes the mean loss of a step. Returns true once, when the mean over a whole window is not below the
  // chance loss.
  [[nodiscard]] bool add(double loss);
  [[nodiscard]] double chance_loss() const { return chance_loss_; }
  [[nodiscard]] double window_loss() const { return window_loss_; }  // mean of the last whole window

 private:
  double chance_loss_;
  double sum_ = 0.0;
  double window_loss_ = 0.0;
  std::uint64_t steps_ = 0;
  bool said_ = false;
};

// Notices a loss that is far above that of guessing, ln(classes): what a net has before it learns. The
// weights are then too large, or the labels are not those that the net has learned.
class LossAlarm {
 public:
  static constexpr std::uint64_t kWindow = 20;  // steps: one batch alone may be odd
  static constexpr double kFarAbove = 2.0;      // times the loss of guessing
  // The same for a first step: some nets begin above the loss of guessing, and learn.
  static constexpr double kFirstFarAbove = 4.0;

  // Guessing is among all outputs of the net, whether or not all classes have images.
  explicit LossAlarm(int classes);

  // Takes the mean loss of a training step. Returns true once, when the mean over a window, or the loss of
  // the very first step, is far above guessing.
  [[nodiscard]] bool add(double loss);
  // At the end: the same for a window that is not complete.
  [[nodiscard]] bool finish();
  // Takes the mean loss of a validation. Returns true once, when it is far above guessing.
  [[nodiscard]] bool add_validation(double loss);

  [[nodiscard]] double guessing() const { return guessing_; }
  // What add() or finish() spoke of: a loss, and the number of steps that it is the mean of.
  [[nodiscard]] double training_loss() const { return training_loss_; }
  [[nodiscard]] std::uint64_t training_steps() const { return training_steps_; }

 private:
  [[nodiscard]] bool judge(double loss, std::uint64_t steps, double limit);

  double guessing_;
  double training_loss_ = 0.0;
  std::uint64_t training_steps_ = 0;
  double sum_ = 0.0;
  std::uint64_t steps_ = 0;  // of the window
  bool first_ = true;
  bool said_ = false;
  bool said_of_validation_ = false;
};

}  // namespace convoy
