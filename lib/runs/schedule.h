// How the learning rate falls while training.
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

}  // namespace convoy
