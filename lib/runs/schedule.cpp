#include "lib/runs/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/number_text.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr std::string_view kOption = "--lr-policy";
constexpr std::string_view kWarmupOption = "--warmup";
constexpr double kMaxEpoch = 1e9;
constexpr double kMaxFactor = 1e6;
constexpr double kMaxPower = 1000;
constexpr std::int64_t kMaxDrops = 1000;

// A policy as it was read.
struct Read {
  Schedule::Factor factor;  // nullptr if the parameters do not have the form of the policy
  std::optional<PlateauRule> plateau = {};
};

// The parts of a text between commas; an empty text has one empty part.
std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find(','), text.size());
    parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

// The share of the run that is over, from 0 to 1.
double share_done(const RunPosition& position) {
  if (position.seen >= position.total) return 1.0;
  return static_cast<double>(position.seen) / static_cast<double>(position.total);
}

double power_of(double factor, std::uint64_t times) {
  double product = 1.0;
  for (; times > 0; --times) product *= factor;
  return product;
}

Read fixed(std::string_view /*parameters*/, const std::string& /*text*/) {
  return {[](const RunPosition&) { return 1.0; }};
}

// Multiplies the rate by FACTOR as each EPOCH is completed.
Read stepped(std::string_view parameters, const std::string& text) {
  const std::size_t at = parameters.find('@');
  if (at == std::string_view::npos) return {};
  const double factor = parse_real(parameters.substr(0, at), kOption, 0, kMaxFactor);
  std::vector<double> epochs;
  for (const std::string_view part : parts_of(parameters.substr(at + 1))) {
    epochs.push_back(parse_real(part, kOption, 0, kMaxEpoch));
  }
  if (std::ranges::adjacent_find(epochs, std::greater_equal<>()) != epochs.end()) {
    throw UsageError(kOption, "'" + text + "': epochs must increase");
  }
  return {[factor, epochs = std::move(epochs)](const RunPosition& position) {
    double product = 1.0;
    for (const double epoch : epochs) {
      const double end = epoch * static_cast<double>(position.records);  // in images
      if (static_cast<double>(position.seen) >= end) product *= factor;
    }
    return product;
  }};
}

// Multiplies the rate by FACTOR when PATIENCE validations in a row have brought no smaller error.
Read plateau(std::string_view parameters, const std::string& text) {
  const std::vector<std::string_view> parts = parts_of(parameters);
  if (parts.size() != 3) return {};
  const PlateauRule rule{
      .factor = parse_real(parts[0], kOption, 0, kMaxFactor),
      .patience = static_cast<std::uint64_t>(parse_integer(parts[1], kOption, 1, kMaxPatience)),
      .times = static_cast<std::uint64_t>(parse_integer(parts[2], kOption, 0, kMaxDrops))};
  if (rule.factor >= 1) {
    throw UsageError(kOption, "'" + text + "': the factor must be less than 1: 0.1 divides the rate by ten");
  }
  return {[rule](const RunPosition& position) {
            return power_of(rule.factor, std::min(position.drops, rule.times));
          },
          rule};
}

// (1 - share of the run)^POWER.
Read poly(std::string_view parameters, const std::string& /*text*/) {
  const double power = parse_real(parameters, kOption, 0, kMaxPower);
  return {[power](const RunPosition& position) { return std::pow(1.0 - share_done(position), power); }};
}

// Half a cosine, from 1 to 0 (Loshchilov and Hutter 2017, without restarts).
Read cosine(std::string_view /*parameters*/, const std::string& /*text*/) {
  return {[](const RunPosition& position) {
    return 0.5 * (1.0 + std::cos(std::numbers::pi * share_done(position)));
  }};
}

// FACTOR^epochs at every step, up to the largest factor.
Read exponential(std::string_view parameters, const std::string& /*text*/) {
  const double factor = parse_real(parameters, kOption, 0, kMaxFactor);
  return {[factor](const RunPosition& position) {
    const double epochs = static_cast<double>(position.seen) / static_cast<double>(position.records);
    return std::min(std::pow(factor, epochs), kMaxFactor);
  }};
}

// A policy is written NAME, or NAME:PARAMETERS if it has any.
struct Policy {
  std::string_view name;
  std::string_view parameters;
  // Throws UsageError for a value out of range. parameters: the end of `text`.
  Read (*read)(std::string_view parameters, const std::string& text);

  [[nodiscard]] std::string syntax() const {
    return std::string(name) + (parameters.empty() ? "" : ":") + std::string(parameters);
  }
};

constexpr auto kPolicies = std::to_array<Policy>({
    {"fixed", "", fixed},
    {"step", "FACTOR@EPOCH[,EPOCH]...", stepped},
    {"plateau", "FACTOR,PATIENCE,TIMES", plateau},
    {"poly", "POWER", poly},
    {"cosine", "", cosine},
    {"exp", "FACTOR", exponential},
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

bool PlateauState::add(double error, const PlateauRule& rule) {
  if (!best || error < *best) {
    best = error;
    stale = 0;
    return false;
  }
  ++stale;
  if (stale < rule.patience || drops >= rule.times) return false;
  stale = 0;
  ++drops;
  return true;
}

Warmup Warmup::parse(std::string_view text) {
  const std::vector<std::string_view> parts = parts_of(text);
  if (parts.size() > 2) {
    throw UsageError(kWarmupOption, "'" + std::string(text) + "' is not EPOCHS or EPOCHS,FROM");
  }
  Warmup warmup;
  warmup.epochs = parse_real(parts[0], kWarmupOption, 0, kMaxEpoch);
  if (parts.size() > 1) warmup.from = parse_real(parts[1], kWarmupOption, 0, 1);
  return warmup;
}

std::string Warmup::text() const {
  if (epochs == 0) return {};
  return number_text(epochs) + (from == 0 ? "" : "," + number_text(from));
}

double Warmup::factor(const RunPosition& position) const {
  const double end = epochs * static_cast<double>(position.records);  // in images
  const auto seen = static_cast<double>(position.seen + position.batch);
  return seen >= end ? 1.0 : from + (1.0 - from) * (seen / end);
}

Schedule::Schedule() : Schedule(parse(std::string(kPolicies.front().name))) {}

Schedule Schedule::parse(const std::string& text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const bool has_parameters = colon < text.size();
  for (const Policy& policy : kPolicies) {
    if (text.substr(0, colon) != policy.name || has_parameters == policy.parameters.empty()) continue;
    Read read = policy.read(std::string_view(text).substr(has_parameters ? colon + 1 : colon), text);
    if (read.factor) return {text, std::move(read.factor), read.plateau};
  }
  throw UsageError(kOption, "'" + text + "' is neither " + listed("'", " nor "));
}

std::string Schedule::syntax() { return listed("", ", or "); }

}  // namespace convoy
