#include "lib/runs/option_changes.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/number_text.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr std::string_view kOption = "--at";
constexpr double kMaxEpoch = 1e9;

// Cuts off and returns what is before the first `end`, which is dropped, or all of the text.
std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return part;
}

[[noreturn]] void refuse(std::string_view text) {
  throw UsageError(kOption, "'" + std::string(text) + "' is not EPOCH:NAME=VALUE[,NAME=VALUE]...");
}

void read_epoch(std::string_view text, std::vector<OptionChange>& all) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.ends_with(',')) refuse(text);
  const double epoch = parse_real(text.substr(0, colon), kOption, 0, kMaxEpoch);
  const std::size_t first = all.size();
  std::string_view rest = text.substr(colon + 1);
  do {
    const std::string_view part = take_until(rest, ',');
    if (part.empty()) refuse(text);
    const std::size_t equals = part.find('=');
    if (equals != std::string_view::npos) {
      if (equals == 0 || all.size() == kMaxOptionChanges) refuse(text);
      all.push_back({.epoch = epoch,
                     .name = std::string(part.substr(0, equals)),
                     .value = std::string(part.substr(equals + 1))});
    } else if (all.size() > first) {
      all.back().value.append(",").append(part);
    } else {
      refuse(text);
    }
  } while (!rest.empty());
}

}  // namespace

std::optional<LayerFactorName> layer_factor_from(std::string_view name) {
  using Named = std::pair<std::string_view, LayerFactor>;
  static constexpr std::array<Named, 4> kFactors = {{{"lr", LayerFactor::lr},
                                                     {"bias-lr", LayerFactor::bias_lr},
                                                     {"decay", LayerFactor::decay},
                                                     {"bias-decay", LayerFactor::bias_decay}}};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return std::nullopt;
  const auto* const found = std::ranges::find(kFactors, name.substr(dot + 1), &Named::first);
  if (found == kFactors.end()) return std::nullopt;
  return LayerFactorName{std::string(name.substr(0, dot)), found->second};
}

OptionChanges OptionChanges::parse(std::string_view text) {
  OptionChanges changes;
  if (text.empty() || text == "none") return changes;
  for (std::string_view rest = text; !rest.empty();) read_epoch(take_until(rest, ';'), changes.all_);
  std::ranges::stable_sort(changes.all_, {}, &OptionChange::epoch);
  return changes;
}

std::string OptionChanges::text() const {
  std::string text;
  for (std::size_t i = 0; i < all_.size(); ++i) {
    const bool same = i > 0 && all_[i].epoch == all_[i - 1].epoch;
    if (i > 0) text += same ? "," : ";";
    if (!same) text += number_text(all_[i].epoch) + ":";
    text += all_[i].text();
  }
  return text;
}

}  // namespace convoy
