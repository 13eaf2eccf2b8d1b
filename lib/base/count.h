// Counted nouns and shortened lists in messages.
#pragma once

#include <cstdint>
#include <span>
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

// "cat, dog, emu and 4 more": the first of `count` names.
[[nodiscard]] inline std::string first_of(std::span<const std::string> names, std::uint64_t count) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  if (count > names.size()) text += " and " + std::to_string(count - names.size()) + " more";
  return text;
}

}  // namespace convoy
