// Texts: printf into a string, numbers read whole, UTF-8.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace convoy {

// What printf(3) writes for the pattern and its arguments, which the compiler checks.
[[nodiscard, gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

// The whole text as a T, in the syntax of std::from_chars (no blanks, no '+'); nothing if it is not a number
// or does not fit.
template <typename T>
[[nodiscard]] std::optional<T> number_from(std::string_view text) {
  T number{};
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, number);
  if (failure != std::errc() || end != last) return std::nullopt;
  return number;
}

// Whether the text is well-formed UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace convoy
