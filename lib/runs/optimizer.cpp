#include "lib/runs/optimizer.h"

#include "lib/base/error.h"
#include "lib/base/number_text.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

constexpr std::string_view kOption = "--optimizer";
constexpr std::string_view kSgd = "sgd";
constexpr std::string_view kLars = "lars";
constexpr double kDefaultTrust = 0.001;  // You, Gitman, Ginsburg 2017

}  // namespace

Optimizer Optimizer::parse(std::string_view text) {
  if (text == kSgd) return {};
  if (text == kLars) return {.lars_trust = kDefaultTrust};
  if (text.starts_with(kLars) && text.substr(kLars.size()).starts_with(':')) {
    return {.lars_trust = parse_real(text.substr(kLars.size() + 1), kOption, 0, 1)};
  }
  throw UsageError(kOption, "'" + std::string(text) + "' is neither 'sgd', 'lars' nor 'lars:ETA'");
}

std::string Optimizer::text() const {
  if (!lars_trust) return std::string(kSgd);
  return std::string(kLars) + ":" + number_text(*lars_trust);
}

std::string Optimizer::syntax() { return "sgd, lars, or lars:ETA"; }

}  // namespace convoy
