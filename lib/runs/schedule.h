// How the learning rate changes during training.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace convoy {

// How far a run has come. The learning rate may depend on this.
struct RunPosition {
  std::uint64_t seen = 0;     // images taken so far
  std::uint64_t records = 1;  // images of the training set
  std::uint64_t total = 0;    // images that the whole run takes
  std::uint64_t batch = 0;    // images of the step that follows
  std::uint64_t drops = 0;    // PlateauState::drops
};

// The rule of Krizhevsky et al. 2012, section 5: the rate falls when the validation error stops improving.
struct PlateauRule {
  double factor = 0.1;         // less than 1
  std::uint64_t patience = 1;  // validations without a smaller error after which the rate falls; at least 1
  std::uint64_t times = 1;     // how often it falls at most
};

inline constexpr std::int64_t kMaxPatience = 1'000'000'000;  // validations

// What a plateau rule has seen so far.
struct PlateauState {
  std::optional<double> best;  // the least error
  std::uint64_t stale = 0;     // validations since then, or since the last drop
  std::uint64_t drops = 0;
  bool operator==(const PlateauState&) const = default;

  // Takes the error of a validation. Returns whether the rate falls. An error that equals the least one
  // is no improvement.
  bool add(double error, const PlateauRule& rule);
};

// How the rate rises at the start of a run: --warmup=EPOCHS[,FROM].
struct Warmup {
  double epochs = 0.0;
  double from = 0.0;  // what the rate is multiplied by at the start, 0 to 1

  // Throws UsageError.
  static Warmup parse(std::string_view text);
  // As parse() reads it; empty if there is none.
  [[nodiscard]] std::string text() const;
  // Linear in the images that the run has taken once the step is done: the first step has a rate above 0.
  [[nodiscard]] double factor(const RunPosition& position) const;
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
  // The rule of plateau; nothing for any other policy.
  [[nodiscard]] const std::optional<PlateauRule>& plateau() const { return plateau_; }

 private:
  Schedule(std::string text, Factor factor, std::optional<PlateauRule> plateau)
      : text_(std::move(text)), factor_(std::move(factor)), plateau_(plateau) {}

  std::string text_;
  Factor factor_;
  std::optional<PlateauRule> plateau_;
};

}  // namespace convoy
