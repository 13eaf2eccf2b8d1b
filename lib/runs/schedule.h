// How the learning rate falls while training, and when things are due that happen now and then.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// --lr-policy: "fixed", or "step:FACTOR@EPOCH[,EPOCH]...": the rate is multiplied by FACTOR when each of
// these epochs is complete.
class Schedule {
 public:
  Schedule() = default;
  // Throws UsageError.
  static Schedule parse(std::string_view text);
  // As parse() reads it.
  [[nodiscard]] const std::string& text() const { return text_; }
  // What the learning rate is multiplied with after `seen` images of a training set of `records`.
  [[nodiscard]] double factor(std::uint64_t seen, std::uint64_t records) const;

 private:
  std::string text_ = "fixed";
  double step_factor_ = 1.0;
  std::vector<double> epochs_;
};

// "20steps", "1epoch", "10minutes", "never": when to write checkpoints, log or validate.
class Interval {
 public:
  enum class Unit { steps, epochs, minutes, never };

  Interval() = default;
  // `minutes` says whether that unit is allowed. Throws UsageError
  // beginning with `what`.
  static Interval parse(std::string_view text, std::string_view what, bool minutes);
  [[nodiscard]] Unit unit() const { return unit_; }
  // Whether it is due when `step` steps (at least 1) of `batch` images are done; never for minutes.
  [[nodiscard]] bool due(std::uint64_t step, std::uint64_t batch, std::uint64_t records) const;
  // Whether it is due `seconds` after the last time; only for minutes.
  [[nodiscard]] bool due_after(double seconds) const;

 private:
  Unit unit_ = Unit::never;
  double count_ = 1.0;
};

}  // namespace convoy
