#include "lib/base/reject_rules.h"

#include <algorithm>

#include "lib/base/error.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kDecimals = 6;                             // of a percentage
constexpr std::uint64_t kPerCent = 1'000'000;                    // 10 to the power of kDecimals
constexpr std::uint64_t kWhole = std::uint64_t{100} * kPerCent;  // all inputs

[[noreturn]] void refuse(std::string_view text) {
  throw UsageError("--max-rejects", "'" + std::string(text) +
                                        "' is neither a whole number, such as 25, nor a percentage from 0% "
                                        "to 100% with at most six decimals, such as 0.5%");
}

// "0.5" as 500,000 millionths.
std::optional<std::uint64_t> millionths(std::string_view text) {
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::string_view decimals = text.substr(std::min(point + 1, text.size()));
  if (decimals.size() > kDecimals || (point < text.size() && decimals.empty())) return std::nullopt;
  const auto whole = number_from<std::uint64_t>(text.substr(0, point));
  auto parts = decimals.empty() ? std::optional<std::uint64_t>(0) : number_from<std::uint64_t>(decimals);
  if (!whole || !parts) return std::nullopt;
  for (std::size_t i = decimals.size(); i < kDecimals; ++i) *parts *= 10;
  if (*whole > 100 || *whole * kPerCent + *parts > kWhole) return std::nullopt;
  return *whole * kPerCent + *parts;
}

}  // namespace

RejectLimit::RejectLimit(std::string_view text)
    : option_("--max-rejects=" + std::string(text)), share_(text.ends_with('%')) {
  const auto value = share_ ? millionths(text.substr(0, text.size() - 1)) : number_from<std::uint64_t>(text);
  if (!value) refuse(text);
  value_ = *value;
}

std::uint64_t RejectLimit::allowed(std::uint64_t inputs) const {
  if (!share_) return value_;
  // inputs * value_ / kWhole, whose product may not fit in 64 bits.
  return inputs / kWhole * value_ + inputs % kWhole * value_ / kWhole;
}

}  // namespace convoy
