// How the learning rate falls during training.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace convoy {

// How far a run has come. The learning rate may depend on this.
struct RunPosition {
  std::uint64_t seen = 0;     // images taken so far
  std::uint64_t records = 1;  // images of the training set
  std::uint64_t total = 0;    // images that the whole run takes
};

// The learning rate policy of --lr-policy. The policies are rows of the table in schedule.cpp.
class Schedule {
 public:
  // What the learning rate is multiplied by at a position.
  using Factor = std::function<double(const RunPosition& position)>;

  // The policy that --lr-policy has by default: "fixed".
  Schedule();
  // Throws UsageError.
  static Schedule parse(const std::string& text);
  // "fixed, or step:FACTOR@EPOCH[,EPOCH]...": what parse() reads, for --help.
  [[nodiscard]] static std::string syntax();

  // As parse() reads it.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] double factor(const RunPosition& position) const { return factor_(position); }

 private:
  Schedule(std::string text, Factor factor) : text_(std::move(text)), factor_(std::move(factor)) {}

  std::string text_;
  Factor factor_;
};

}  // namespace convoy
