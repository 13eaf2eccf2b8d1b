// Tables of text for people and awk.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace convoy {

// One line per row; all rows have the same number of cells. Columns are padded to their widest cell: the
// first `text_columns` are aligned left, the others, which hold numbers, right.
[[nodiscard]] std::string aligned_table(const std::vector<std::vector<std::string>>& rows,
                                        std::size_t text_columns);

// The text as one field of a TSV line: control characters, as some file names have, become what
// escape_controls() writes, and a backslash becomes \\ , so that printf '%b' gives the text again.
[[nodiscard]] std::string tsv_field(std::string_view text);

// The text of which tsv_field() made this; nothing if a backslash in it begins no escape.
[[nodiscard]] std::optional<std::string> tsv_text(std::string_view field);

}  // namespace convoy
