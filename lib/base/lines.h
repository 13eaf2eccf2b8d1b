// Texts of lines as users and scripts write them, read strictly: a stray byte is an error with its place, not
// a part of a name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace convoy {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // of UTF-8

// C0 control characters and DEL.
[[nodiscard]] constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

// Calls on_line(line, number from 1) for each part that ends in `separator`; the last may lack it.
template <typename OnLine>
void for_each_line(std::string_view text, char separator, OnLine&& on_line) {
  std::uint64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    on_line(text.substr(0, end), ++number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Throws TextError at the first control character of a line but tabs: it is none of a text, and a terminal
// would obey it.
void check_printable(std::string_view line, std::string_view place, std::uint64_t number);

// The text with a backslash escape for each control character: \t, \n, \r, \xNN. What comes from outside,
// such as the name of a file, can then neither break a line nor speak to a terminal.
[[nodiscard]] std::string escape_controls(std::string_view text);

// Throws TextError for what no line of names may have: nothing, blanks at either end, a carriage return, a
// NUL byte, a byte order mark before the first line.
void check_name_line(std::string_view line, std::string_view place, std::uint64_t number);

}  // namespace convoy
