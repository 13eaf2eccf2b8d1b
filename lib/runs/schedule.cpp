#include "lib/runs/schedule.h"

#include "lib/base/error.h"
#include "lib/base/tool.h"

namespace convoy {
namespace {

constexpr std::string_view kPolicy = "--lr-policy";
constexpr std::string_view kStepPrefix = "step:";
constexpr double kMaxEpoch = 1e9;
constexpr double kMaxFactor = 1e6;

}  // namespace

Schedule Schedule::parse(std::string_view text) {
  Schedule schedule;
  schedule.text_ = text;
  if (text == "fixed") return schedule;
  const std::size_t at = text.find('@');
  if (text.substr(0, kStepPrefix.size()) != kStepPrefix || at == std::string_view::npos) {
    throw UsageError(kPolicy,
                     "'" + std::string(text) + "' is neither 'fixed' nor 'step:FACTOR@EPOCH[,EPOCH]...'");
  }
  schedule.step_factor_ =
      parse_real(text.substr(kStepPrefix.size(), at - kStepPrefix.size()), kPolicy, 0, kMaxFactor);
  std::string_view rest = text.substr(at + 1);
  while (true) {
    const std::size_t comma = rest.find(',');
    const double epoch = parse_real(rest.substr(0, comma), kPolicy, 0, kMaxEpoch);
    if (!schedule.epochs_.empty() && epoch <= schedule.epochs_.back()) {
      throw UsageError(kPolicy, "'" + std::string(text) + "': epochs must increase");
    }
    schedule.epochs_.push_back(epoch);
    if (comma == std::string_view::npos) return schedule;
    rest.remove_prefix(comma + 1);
  }
}

double Schedule::factor(std::uint64_t seen, std::uint64_t records) const {
  double factor = 1.0;
  for (const double epoch : epochs_) {
    if (static_cast<double>(seen) >= epoch * static_cast<double>(records)) factor *= step_factor_;
  }
  return factor;
}

}  // namespace convoy
