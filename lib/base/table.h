// Tables of text for people and awk.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace convoy {

// One line a row, all of as many cells; columns padded to their widest cell, the first `text_columns` to the
// left, those after them, numbers, to the right.
[[nodiscard]] std::string aligned_table(const std::vector<std::vector<std::string>>& rows,
                                        std::size_t text_columns);

}  // namespace convoy
