// Texts where images are expected: lists, and what may have been meant as one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace convoy {

// As much of an input as the functions below look at: a path has at most PATH_MAX bytes, a label few.
inline constexpr std::size_t kListPeek = 8192;

// Whether the first line begins with the name of a file. What stands around it and does not belong there (a
// carriage return, blanks, a byte order mark) is passed over: parse_list() names it.
[[nodiscard]] bool is_list(std::span<const std::uint8_t> head);

// Whether the bytes are lines of text.
[[nodiscard]] bool is_text(std::span<const std::uint8_t> head);

// "a text whose first line names no file ('nofile.png')", for a text that is no list.
[[nodiscard]] std::string names_no_file(std::span<const std::uint8_t> head);

}  // namespace convoy
