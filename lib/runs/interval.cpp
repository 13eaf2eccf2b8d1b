#include "lib/runs/interval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr double kMaxCount = 1e15;
constexpr double kSecondsPerMinute = 60.0;

double epochs_done(std::uint64_t seen, std::uint64_t records) {
  return static_cast<double>(seen) / static_cast<double>(records);
}

}  // namespace

Interval Interval::parse(std::string_view text, std::string_view what, bool minutes) {
  using Named = std::pair<std::string_view, Unit>;
  static constexpr std::array<Named, 6> kUnits = {{{"steps", Unit::steps},
                                                   {"step", Unit::steps},
                                                   {"epochs", Unit::epochs},
                                                   {"epoch", Unit::epochs},
                                                   {"minutes", Unit::minutes},
                                                   {"minute", Unit::minutes}}};
  Interval interval;
  if (text == "never") return interval;
  // The number has no exponent: that of "1epoch" ends before the e.
  const std::size_t letters = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view unit = text.substr(letters);
  const auto* found =
      std::find_if(kUnits.begin(), kUnits.end(), [unit](const Named& named) { return named.first == unit; });
  if (unit.empty() && !text.empty()) {
    const std::string number(text);
    throw UsageError(
        what, "'" + number + "' lacks a unit: " + number + "steps" +
                  (minutes ? ", " + number + "epochs or " + number + "minutes" : " or " + number + "epochs"));
  }
  if (found != kUnits.end() && (minutes || found->second != Unit::minutes)) {
    interval.unit_ = found->second;
  } else {
    throw UsageError(what, "'" + std::string(text) + "' is not a number of steps" +
                               (minutes ? ", epochs or minutes" : " or epochs") + ", or 'never'");
  }
  if (interval.unit_ == Unit::steps) {
    interval.count_ = static_cast<double>(
        parse_integer(text.substr(0, letters), what, 1, static_cast<std::int64_t>(kMaxCount)));
  } else {
    interval.count_ = parse_real(text.substr(0, letters), what, 0, kMaxCount);
    if (interval.count_ <= 0) throw UsageError(what, "must be more than 0");
  }
  return interval;
}

bool Interval::due(std::uint64_t step, std::uint64_t batch, std::uint64_t records) const {
  switch (unit_) {
    case Unit::steps:
      return step % static_cast<std::uint64_t>(count_) == 0;
    case Unit::epochs:
      return std::floor(epochs_done(step * batch, records) / count_) >
             std::floor(epochs_done((step - 1) * batch, records) / count_);
    default:
      return false;
  }
}

bool Interval::exceeds(std::uint64_t steps, std::uint64_t batch, std::uint64_t records) const {
  if (unit_ == Unit::steps) return count_ > static_cast<double>(steps);
  return unit_ == Unit::epochs && count_ > epochs_done(steps * batch, records);
}

bool Interval::due_after(double seconds) const {
  return unit_ == Unit::minutes && seconds >= count_ * kSecondsPerMinute;
}

}  // namespace convoy
