// Label tables with commas or semicolons, as spreadsheets and competitions have them; see man/convoy-list.5.
#pragma once

#include <string_view>
#include <vector>

#include "formats/list.h"

namespace convoy {

// Whether the text is such a table: every line has a comma, or every line a semicolon, none has a TAB, and
// the first line is a heading or no line ends in a label as those of a list do.
[[nodiscard]] bool is_labels_csv(std::string_view text);

// Parses lines NAME,LABEL that is_labels_csv() accepts. Fields may be in quotes, lines may end in CR LF, and
// a byte order mark may stand before the first, which is passed over if it is a heading: if its first field
// is a word such as "id" or "filename". Of a label that begins with a WordNet ID as a word, only that is
// taken: boxes follow it in LOC_val_solution.csv. Throws TextError about a line that has not two fields, an
// empty one, one with a blank at an end or a control character, or a quote that does not end.
[[nodiscard]] std::vector<ListEntry> parse_labels_csv(std::string_view text, std::string_view place);

}  // namespace convoy
