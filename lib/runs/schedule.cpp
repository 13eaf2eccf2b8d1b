#include "lib/runs/schedule.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr std::string_view kOption = "--lr-policy";
constexpr double kMaxEpoch = 1e9;
constexpr double kMaxFactor = 1e6;

Schedule::Factor fixed(std::string_view /*parameters*/, const std::string& /*text*/) {
  return [](const RunPosition&) { return 1.0; };
}

// Multiplies the rate by FACTOR as each EPOCH is completed.
Schedule::Factor stepped(std::string_view parameters, const std::string& text) {
  const std::size_t at = parameters.find('@');
  if (at == std::string_view::npos) return nullptr;
  const double factor = parse_real(parameters.substr(0, at), kOption, 0, kMaxFactor);
  std::vector<double> epochs;
  for (std::string_view rest = parameters.substr(at); !rest.empty();) {
    rest.remove_prefix(1);  // "@" or ","
    const std::size_t end = std::min(rest.find(','), rest.size());
    epochs.push_back(parse_real(rest.substr(0, end), kOption, 0, kMaxEpoch));
    rest.remove_prefix(end);
  }
  if (std::ranges::adjacent_find(epochs, std::greater_equal<>()) != epochs.end()) {
    throw UsageError(kOption, "'" + text + "': epochs must increase");
  }
  return [factor, epochs = std::move(epochs)](const RunPosition& position) {
    double product = 1.0;
    for (const double epoch : epochs) {
      const double end = epoch * static_cast<double>(position.records);  // in images
      if (static_cast<double>(position.seen) >= end) product *= factor;
    }
    return product;
  };
}

// A policy is written NAME, or NAME:PARAMETERS if it has any.
struct Policy {
  std::string_view name;
  std::string_view parameters;
  // Returns nullptr if the parameters, the end of `text`, do not have this form. Throws UsageError for a
  // value out of range.
  Schedule::Factor (*read)(std::string_view parameters, const std::string& text);

  [[nodiscard]] std::string syntax() const {
    return std::string(name) + (parameters.empty() ? "" : ":") + std::string(parameters);
  }
};

constexpr auto kPolicies = std::to_array<Policy>({
    {"fixed", "", fixed},
    {"step", "FACTOR@EPOCH[,EPOCH]...", stepped},
});

// Lists the syntax of the policies, each in quotes `quote`; `last` comes before the last one, commas before
// the others.
std::string listed(std::string_view quote, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < kPolicies.size(); ++i) {
    if (i > 0) text += i + 1 == kPolicies.size() ? last : ", ";
    text.append(quote).append(kPolicies.at(i).syntax()).append(quote);
  }
  return text;
}

}  // namespace

Schedule::Schedule() : Schedule(parse(std::string(kPolicies.front().name))) {}

Schedule Schedule::parse(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const bool has_parameters = colon < text.size();
  for (const Policy& policy : kPolicies) {
    if (text.substr(0, colon) != policy.name || has_parameters == policy.parameters.empty()) continue;
    Factor factor = policy.read(std::string_view(text).substr(has_parameters ? colon + 1 : colon), text);
    if (factor) return {text, std::move(factor)};
  }
  throw UsageError(kOption, "'" + text + "' is neither " + listed("'", " nor "));
}

std::string Schedule::syntax() { return listed("", ", or "); }

}  // namespace convoy
