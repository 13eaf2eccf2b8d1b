// Round values along an axis.
#pragma once

#include <string>
#include <vector>

namespace convoy {

struct Tick {
  double value = 0;
  std::string label;
};

// Multiples of 1, 2 or 5 times a power of ten within [low, high], at most `most` of them, but at least two
// steps of the axis; with as many decimals as they need. low < high, both finite; most >= 2.
[[nodiscard]] std::vector<Tick> round_ticks(double low, double high, int most);
// Powers of ten within [low, high], which are positive; if there are fewer than two, 1, 2 and 5 times them.
[[nodiscard]] std::vector<Tick> log_ticks(double low, double high, int most);

// The next round values around a range of values, on which an axis may begin and end.
struct Range {
  double low = 0;
  double high = 1;
};
[[nodiscard]] Range round_range(double low, double high, int most);

// The number with three digits that count, or as a whole number below a million, such as "0.0125", "1.2e-05",
// "12.3" and "1614".
[[nodiscard]] std::string short_number(double value);
// 60965224 -> "60,965,224".
[[nodiscard]] std::string grouped(unsigned long long value);

}  // namespace convoy
