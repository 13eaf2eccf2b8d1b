// Recognizes lists, and texts that may have been meant as lists, among the inputs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/byte_source.h"

namespace convoy {

// The bytes of an input that the functions below look at: a path has at most PATH_MAX bytes, a label has few.
inline constexpr std::size_t kListPeek = 8192;

// The first bytes of the source, kListPeek of them, or all if there are fewer.
[[nodiscard]] std::span<const std::uint8_t> list_head(ByteSource& source);

// Whether the first line begins with the name of a file. A carriage return, blanks or a byte order mark
// around it are ignored: parse_list() reports them.
[[nodiscard]] bool is_list(std::span<const std::uint8_t> head);

// Whether the bytes are lines of text.
[[nodiscard]] bool is_text(std::span<const std::uint8_t> head);

// "a text whose first line names no file ('nofile.png')", for a text that is not a list.
[[nodiscard]] std::string names_no_file(std::span<const std::uint8_t> head);

// A path of a list below its root, or as it is without one. Caffe's lists write "/" before such paths.
[[nodiscard]] std::string below_root(const std::string& root, const std::string& path);

}  // namespace convoy
