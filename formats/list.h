// Lists of images, class tables and label tables: see man/convoy-list.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/dataset_info.h"

namespace convoy {

inline constexpr std::uint64_t kMaxListBytes = std::uint64_t{4}
                                               << 30;  // of a list or table that a tool reads

// One line: PATH, PATH<TAB>LABEL or PATH LABEL.
struct ListEntry {
  std::string path;
  std::string label;  // as written; empty where there is none
  std::uint64_t line = 0;
  std::uint64_t column = 0;  // of the label, for messages; 0 without one
};

// Parses lines that end in a newline. A TAB separates path and label; without one, a last field behind a
// space that is a whole number is the label, else the line is a path. Throws TextError on carriage returns,
// blanks at either end of a line, empty lines, paths and labels, a second TAB, a NUL byte.
[[nodiscard]] std::vector<ListEntry> parse_list(std::string_view text, std::string_view place);

// The same for entries that end in a NUL byte: any other byte may be in a path, and only a TAB separates a
// label. `line` counts entries.
[[nodiscard]] std::vector<ListEntry> parse_nul_list(std::string_view text, std::string_view place);

// Parses a class table: lines ID or ID<TAB>NAME in the order of the labels, from 0. Throws TextError on a
// repeated ID, more than kMaxClasses lines, an empty file, and what parse_list() refuses.
[[nodiscard]] std::vector<ClassInfo> parse_classes(std::string_view text, std::string_view place);

// The table of `count` classes that have only numbers: IDs "0", "1", ...
[[nodiscard]] std::vector<ClassInfo> numbered_classes(int count);

// Labels as users write them: the ID of a class, or a number.
class LabelTable {
 public:
  explicit LabelTable(const std::vector<ClassInfo>& classes);
  // The label of a class ID, else nothing.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view id) const;
  // The label an entry means: an ID of the table first, else a number below the number of classes. Throws
  // TextError at the entry's label, also for numbers out of range; kNoLabel where the entry has none.
  [[nodiscard]] std::int32_t resolve(const ListEntry& entry, std::string_view place) const;

 private:
  std::unordered_map<std::string, std::int32_t> labels_;
};

// The number of classes that entries with numbers need: the largest label + 1, 0 where none has a label.
// Throws TextError where a label is no number from 0 to kMaxClasses - 1.
[[nodiscard]] int count_numbered_classes(const std::vector<ListEntry>& entries, std::string_view place);

}  // namespace convoy
