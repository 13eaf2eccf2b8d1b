#include "lib/pictures/axis.h"

#include <algorithm>
#include <cmath>

#include "lib/base/text.h"

namespace convoy {
namespace {

// The least step of 1, 2 or 5 times a power of ten of which at most `most` - 1 cover the range.
double step_for(double low, double high, int most) {
  const double least = (high - low) / std::max(most - 1, 1);
  const double power = std::pow(10.0, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    // Not of a hair's breadth more: 0.1 has no exact form.
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Decimals that a multiple of the step needs.
int decimals_of(double step) {
  return std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 12);
}

std::string tick_label(double value, double step) {
  constexpr double kFixed = 1e6;
  constexpr double kSmall = 1e-4;
  if (value == 0) return "0";
  if (std::abs(value) >= kFixed || step < kSmall) return format("%.6g", value);
  return format("%.*f", decimals_of(step), value);
}

}  // namespace

std::vector<Tick> round_ticks(double low, double high, int most) {
  const double step = step_for(low, high, most);
  std::vector<Tick> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (double i = first; i * step <= high + step * 1e-9 && ticks.size() < static_cast<std::size_t>(most);
       ++i) {
    const double value = i == 0 ? 0 : i * step;
    ticks.push_back({value, tick_label(value, step)});
  }
  return ticks;
}

std::vector<Tick> log_ticks(double low, double high, int most) {
  std::vector<Tick> ticks;
  const auto gather = [&](std::initializer_list<double> factors, int stride) {
    ticks.clear();
    const int first = static_cast<int>(std::floor(std::log10(low)));
    const int last = static_cast<int>(std::ceil(std::log10(high)));
    for (int power = first; power <= last; ++power) {
      if (power % stride != 0) continue;
      for (const double factor : factors) {
        const double value = factor * std::pow(10.0, power);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
          ticks.push_back({value, format("%g", value)});
      }
    }
  };
  gather({1}, 1);
  if (ticks.size() < 2) gather({1, 2, 5}, 1);
  for (int stride = 2; ticks.size() > static_cast<std::size_t>(most); ++stride) gather({1}, stride);
  return ticks;
}

Range round_range(double low, double high, int most) {
  if (!(low < high)) {
    const double around = low == 0 ? 1 : std::abs(low) / 2;
    low -= around;
    high += around;
  }
  const double step = step_for(low, high, most);
  return {std::floor(low / step + 1e-9) * step, std::ceil(high / step - 1e-9) * step};
}

std::string short_number(double value) {
  constexpr double kWhole = 1e3;
  constexpr double kMillion = 1e6;
  // "%.3g" would make 1e+03 of 999.6.
  const double rounded = std::abs(std::round(value));
  return format(rounded >= kWhole && rounded < kMillion ? "%.0f" : "%.3g", value);
}

std::string grouped(unsigned long long value) {
  constexpr std::size_t kGroup = 3;
  std::string digits = std::to_string(value);
  for (std::size_t at = digits.size(); at > kGroup;) {
    at -= kGroup;
    digits.insert(at, ",");
  }
  return digits;
}

}  // namespace convoy
