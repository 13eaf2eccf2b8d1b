// Counted nouns in messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace convoy {

// "1 record", "2 records", "0 classes". `what` is the singular of a noun whose plural ends in -s, or in -es
// after an s.
[[nodiscard]] inline std::string count_of(std::uint64_t count, std::string_view what) {
  const std::string one = std::to_string(count) + " " + std::string(what);
  if (count == 1) return one;
  return one + (what.ends_with('s') ? "es" : "s");
}

}  // namespace convoy
