// Tables of text for people and awk.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// One line a row, all of as many cells; columns padded to their widest cell, the first `text_columns` to the
// left, those after them, numbers, to the right.
[[nodiscard]] std::string aligned_table(const std::vector<std::vector<std::string>>& rows,
                                        std::size_t text_columns);

// The text as one field: a tab, newline, carriage return or backslash in it, as file names may have them, is
// written as \t, \n, \r or \\ .
[[nodiscard]] std::string tsv_field(std::string_view text);

}  // namespace convoy
