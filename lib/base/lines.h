// Lines of text that users and scripts write, read strictly: a stray byte is an error with its place, not
// part of a name.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace convoy {

inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";  // of UTF-8

// Whether c is a C0 control character or DEL.
[[nodiscard]] constexpr bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

// Whether the text begins with a C1 control character, U+0080 to U+009F, in UTF-8.
[[nodiscard]] bool is_c1_control(std::string_view text);

// Bytes of the character of UTF-8 at the beginning of the text if it is not shown, but changes how others are
// shown: a C1 control character; U+061C, U+200E, U+200F, U+202A to U+202E and U+2066 to U+2069, which set the
// direction of text; and U+2028 and U+2029, which end a line. Otherwise 0.
[[nodiscard]] std::size_t display_control_length(std::string_view text);

// Whether the text has a control character, C0, DEL or C1.
[[nodiscard]] bool has_control(std::string_view text);

[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\v' || c == '\f'; }

// Whether the text has no control characters other than white space, as bytes that are no text usually have.
[[nodiscard]] bool is_text(std::string_view text);

// Calls on_line(line, number) for each line, numbered from 1. A line ends in `separator`; the last may
// lack it.
template <typename OnLine>
void for_each_line(std::string_view text, char separator, OnLine&& on_line) {
  std::uint64_t number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    on_line(text.substr(0, end), ++number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// Throws TextError at the first control character of the line other than a tab: text has none, and a terminal
// would obey it.
void check_printable(std::string_view line, std::string_view place, std::uint64_t number);

// The text with each control character replaced by a backslash escape: \t, \n, \r or \xNN for each of its
// bytes. Besides those of ASCII these are what display_control_length() knows, and bytes of 0x80 to 0x9F that
// belong to no character of UTF-8: terminals obey these as well. Text from outside, such as a file name, can
// then neither break a line nor control a terminal, nor look like another.
[[nodiscard]] std::string escape_controls(std::string_view text);

// Throws TextError if a line of names is empty, has a blank at either end, a carriage return or a NUL byte,
// or, as the first line, begins with a byte order mark.
void check_name_line(std::string_view line, std::string_view place, std::uint64_t number);

}  // namespace convoy
