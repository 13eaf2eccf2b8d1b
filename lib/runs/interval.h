// How often something is done during training.
#pragma once

#include <cstdint>
#include <string_view>

namespace convoy {

// "20steps", "1epoch", "10minutes" or "never": when to write a checkpoint, log or validate.
class Interval {
 public:
  enum class Unit { steps, epochs, minutes, never };

  Interval() = default;
  // `minutes` says whether that unit is allowed. Throws UsageError beginning with `what`.
  static Interval parse(std::string_view text, std::string_view what, bool minutes);
  [[nodiscard]] Unit unit() const { return unit_; }
  // Whether it is due after `step` steps (at least 1) of `batch` images; never for minutes.
  [[nodiscard]] bool due(std::uint64_t step, std::uint64_t batch, std::uint64_t records) const;
  // Whether it is not due before the end of a run of `steps` steps; never for minutes.
  [[nodiscard]] bool exceeds(std::uint64_t steps, std::uint64_t batch, std::uint64_t records) const;
  // Whether it is due `seconds` after it was last done; only for minutes.
  [[nodiscard]] bool due_after(double seconds) const;

 private:
  Unit unit_ = Unit::never;
  double count_ = 1.0;
};

}  // namespace convoy
