// Lists of images, class tables and label tables; see man/convoy-list.5.
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

// Bytes of the ID and of the name of a class.
inline constexpr std::size_t kMaxClassTextBytes = 65535;

// One line: PATH, PATH<TAB>LABEL or PATH LABEL.
struct ListEntry {
  std::string path;
  std::string label;  // as written; empty if there is none
  std::uint64_t line = 0;
  std::uint64_t column = 0;  // of the label, for messages; 0 if there is none
};

// Parses lines that end in a newline. A TAB separates path and label. In a line without a TAB, a last field
// after a space that is a whole number is the label; else the line is a path. Throws TextError on carriage
// returns, NUL bytes, blanks at either end of a line, empty lines, paths or labels, and a second TAB.
[[nodiscard]] std::vector<ListEntry> parse_list(std::string_view text, std::string_view place);

// The same for entries that end in a NUL byte: a path may have any other byte, and only a TAB separates a
// label. `line` counts entries.
[[nodiscard]] std::vector<ListEntry> parse_nul_list(std::string_view text, std::string_view place);

// Whether the text begins with a WordNet ID, such as n01440764, as a word of its own.
[[nodiscard]] bool begins_with_wordnet_id(std::string_view text);

// Why a text cannot be a table of labels, if no line has a label and all are alike: numbers alone, or columns
// with commas or semicolons. Empty if that is not so.
[[nodiscard]] std::string labels_complaint(std::string_view text);

// Parses a class table: lines ID or ID<TAB>NAME in the order of the labels, from 0. If every line begins with
// a WordNet ID such as n01440764, and none has a TAB, a space separates ID and name; between them, or before
// the IDs if there are no names, may stand the numbers of the lines. Throws TextError on a
// repeated ID, or one that looks like another (alike_classes()), more than kMaxClasses lines, texts longer
// than kMaxClassTextBytes, and what parse_list() refuses, and Error on an empty file.
[[nodiscard]] std::vector<ClassInfo> parse_classes(std::string_view text, std::string_view place);

// The table of `count` classes that have numbers only: IDs "0", "1", ...
[[nodiscard]] std::vector<ClassInfo> numbered_classes(int count);

// Labels as users write them: the ID of a class, or a number.
class LabelTable {
 public:
  explicit LabelTable(const std::vector<ClassInfo>& classes);
  // The table of numbered_classes(count).
  [[nodiscard]] static LabelTable numbered(int count);
  // The label of a class ID, or nothing if the table does not have it.
  [[nodiscard]] std::optional<std::int32_t> find(std::string_view id) const;
  // The label of a class whose ID looks like `id` without being the same (comparable_id()), or nothing.
  [[nodiscard]] std::optional<std::int32_t> find_alike(std::string_view id) const;
  // The label of an entry: that of a class ID of the table, else a number below the number of classes.
  // kNoLabel if the entry has none. Throws TextError at the entry's label if it is neither.
  [[nodiscard]] std::int32_t resolve(const ListEntry& entry, std::string_view place) const;
  // Whether the entry has a label that is a number and no ID of the table.
  [[nodiscard]] bool is_number(const ListEntry& entry) const;
  // Throws TextError at the first label that is the number of classes, if all labels of the entries are
  // numbers from 1 to that: they then seem to begin at 1, and each would be that of the next class.
  void check_first(const std::vector<ListEntry>& entries, std::string_view place) const;

 private:
  LabelTable() = default;
  struct Known {
    std::int32_t label = 0;
    std::string id;
  };
  // The class whose ID looks like `id` without being the same, or nothing.
  [[nodiscard]] std::optional<Known> known_alike(std::string_view id) const;

  std::size_t size_ = 0;
  std::size_t numbered_ = 0;  // the first classes, whose IDs are their labels: they need no entry
  std::unordered_map<std::string, std::int32_t> labels_;  // of the others
  std::unordered_map<std::string, Known> alike_;          // by comparable_id() where the ID is another
};

// The number of classes that numbered labels need: the largest label + 1, or 0 if no entry has one. Throws
// TextError if a label is not a number from 0 to kMaxClasses - 1.
[[nodiscard]] int count_numbered_classes(const std::vector<ListEntry>& entries, std::string_view place);

}  // namespace convoy
