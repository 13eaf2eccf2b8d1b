// Texts: printf into a string, numbers read whole, UTF-8.
#pragma once

#include <charconv>
#include <cstddef>
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

// Bytes of the well-formed UTF-8 character at the beginning of the text; 0 if there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Whether the text is well-formed UTF-8.
[[nodiscard]] bool is_utf8(std::string_view text);

// The text, or if it has more than `longest` bytes its beginning and its end, with dots between them. Cuts no
// character.
[[nodiscard]] std::string shortened(std::string_view text, std::size_t longest);

}  // namespace convoy
