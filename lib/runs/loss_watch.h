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

}  // namespace convoy
