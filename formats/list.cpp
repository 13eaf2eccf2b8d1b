#include "formats/list.h"

#include <algorithm>
#include <utility>

#include "formats/class_names.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/lines.h"
#include "lib/base/text.h"

namespace convoy {
namespace {

constexpr std::size_t kWordNetIdLength = 9;

bool is_integer(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A number from 0 to kMaxClasses - 1.
std::optional<std::int32_t> to_label(std::string_view text) {
  const auto label = number_from<std::int32_t>(text);
  return label && *label >= 0 && *label < kMaxClasses ? label : std::nullopt;
}

// What is wrong with a label that is a whole number but not that of a class; `most` says which there are.
std::string number_complaint(const std::string& label, const std::string& most) {
  if (label.front() == '+') return "label '" + label + "': write it without a sign";
  return "label " + label + " is out of range: " + most;
}

// Throws TextError if the line is not one of a list or table.
void check_line(std::string_view line, std::string_view place, std::uint64_t number) {
  const auto refuse = [&](std::size_t at, std::string_view reason) {
    throw TextError(place, number, at + 1, reason);
  };
  if (line.ends_with('\t')) refuse(line.size(), "nothing behind the TAB");
  check_name_line(line, place, number);
  const std::size_t tab = line.find('\t');
  if (tab == std::string_view::npos) return;
  const std::size_t second = line.find('\t', tab + 1);
  if (second != std::string_view::npos)
    refuse(second, "a second TAB: two columns are wanted (cut -f1,2 gives the first two)");
  if (is_blank(line[tab - 1])) refuse(tab - 1, "blank before the TAB");
  if (is_blank(line[tab + 1])) refuse(tab + 1, "blank behind the TAB");
}

// Splits a line at the separator at offset `at`.
ListEntry split(std::string_view line, std::size_t at, std::uint64_t number) {
  return {std::string(line.substr(0, at)), std::string(line.substr(at + 1)), number, at + 2};
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What a class table without TABs has on every line, in the files of ILSVRC.
enum class SynsetForm {
  none,
  id_name,         // synset_words.txt: "n02119789 kit fox, Vulpes macrotis"
  id_number_name,  // map_clsloc.txt: "n02119789 1 kit_fox", with the number of the line
  number_id,       // what is called ILSVRC2012_mapping.txt: "1 n02119789"
};

// Takes `word` and the blank behind it from the front of the line, if they are there.
bool take_word(std::string_view& line, const std::string& word) {
  if (!line.starts_with(word + ' ')) return false;
  line.remove_prefix(word.size() + 1);
  return true;
}

SynsetForm synset_form(std::string_view text) {
  if (text.empty() || text.find('\t') != std::string_view::npos) return SynsetForm::none;
  bool ids = true;
  bool ids_and_numbers = true;
  bool numbers_and_ids = true;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    const std::string counted = std::to_string(number);
    ids = ids && begins_with_wordnet_id(line);
    std::string_view rest = line.substr(std::min(line.size(), kWordNetIdLength + 1));
    ids_and_numbers = ids_and_numbers && ids && take_word(rest, counted) && !rest.empty();
    numbers_and_ids = numbers_and_ids && take_word(line, counted) && line.size() == kWordNetIdLength &&
                      begins_with_wordnet_id(line);
  });
  if (ids_and_numbers) return SynsetForm::id_number_name;
  if (numbers_and_ids) return SynsetForm::number_id;
  return ids ? SynsetForm::id_name : SynsetForm::none;
}

// The class on a line of that form.
ClassInfo class_of(std::string_view line, SynsetForm form, std::uint64_t number) {
  const std::string counted = std::to_string(number);
  if (form == SynsetForm::number_id) take_word(line, counted);
  const std::size_t end = line.find(form == SynsetForm::none ? '\t' : ' ');
  ClassInfo info{std::string(line.substr(0, end)), {}};
  if (end == std::string_view::npos) return info;
  line.remove_prefix(end + 1);
  if (form == SynsetForm::id_number_name) take_word(line, counted);
  // In the lines of WordNet, several spaces may stand before the name.
  if (form != SynsetForm::none) line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  info.name = line;
  return info;
}

// Whether the text begins as a protobuf text of items, "item {" or "entries {".
bool is_label_map(std::string_view text) {
  const std::string_view line = text.substr(0, text.find_first_of("\r\n"));
  return line == "item {" || line == "item{" || line == "entries {" || line == "entries{";
}

}  // namespace

bool begins_with_wordnet_id(std::string_view text) {
  return text.size() >= kWordNetIdLength && text[0] == 'n' &&
         std::all_of(text.begin() + 1, text.begin() + kWordNetIdLength, is_digit) &&
         (text.size() == kWordNetIdLength || text[kWordNetIdLength] == ' ');
}

std::string labels_complaint(std::string_view text) {
  std::uint64_t lines = 0;
  std::uint64_t numbers = 0;
  std::uint64_t commas = 0;
  std::uint64_t semicolons = 0;
  std::uint64_t separated = 0;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t) {
    ++lines;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t space = line.rfind(' ');
    numbers += is_integer(line) ? 1 : 0;
    commas += line.find(',') != std::string_view::npos ? 1 : 0;
    semicolons += line.find(';') != std::string_view::npos ? 1 : 0;
    separated += line.find('\t') != std::string_view::npos ||
                         (space != std::string_view::npos && is_integer(line.substr(space + 1)))
                     ? 1
                     : 0;
  });
  if (lines == 0 || separated > 0) return {};
  if (numbers == lines) {
    return count_of(lines, "number") +
           " without names: a line does not say which image it belongs to; paste the "
           "names, in the same order, before them (see convoy-list(5))";
  }
  for (const auto& [count, what] : {std::pair(commas, ','), std::pair(semicolons, ';')}) {
    if (count < lines) continue;
    return std::string("columns separated by '") + what +
           "' (CSV): lines NAME<TAB>LABEL, without a heading, are wanted (see convoy-list(5))";
  }
  return {};
}

std::vector<ListEntry> parse_list(std::string_view text, std::string_view place) {
  std::vector<ListEntry> entries;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    check_line(line, place, number);
    const std::size_t tab = line.find('\t');
    const std::size_t space = line.rfind(' ');
    if (tab != std::string_view::npos) {
      entries.push_back(split(line, tab, number));
    } else if (space != std::string_view::npos && is_integer(line.substr(space + 1))) {
      if (is_blank(line[space - 1])) {
        throw TextError(place, number, space, "more than one blank before the label");
      }
      entries.push_back(split(line, space, number));
    } else {
      entries.push_back({std::string(line), {}, number, 0});
    }
  });
  return entries;
}

std::vector<ListEntry> parse_nul_list(std::string_view text, std::string_view place) {
  std::vector<ListEntry> entries;
  for_each_line(text, '\0', [&](std::string_view entry, std::uint64_t number) {
    const std::size_t tab = entry.find('\t');
    if (entry.empty() || tab == 0) throw TextError(place, number, 1, "empty path");
    if (tab == std::string_view::npos) {
      entries.push_back({std::string(entry), {}, number, 0});
      return;
    }
    if (tab + 1 == entry.size()) throw TextError(place, number, tab + 2, "nothing behind the TAB");
    if (entry.find('\t', tab + 1) != std::string_view::npos) {
      throw TextError(place, number, entry.find('\t', tab + 1) + 1, "a second TAB");
    }
    entries.push_back(split(entry, tab, number));
  });
  return entries;
}

std::vector<ClassInfo> parse_classes(std::string_view text, std::string_view place) {
  std::vector<ClassInfo> classes;
  std::unordered_map<std::string, std::uint64_t> lines;
  if (is_label_map(text)) {
    throw Error(place, "a label map of TensorFlow: lines ID or ID<TAB>NAME are wanted (see convoy-list(5))");
  }
  const SynsetForm form = synset_form(text);
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t number) {
    check_line(line, place, number);
    ClassInfo info = class_of(line, form, number);
    for (const std::string& part : {info.id, info.name}) {
      const std::string complaint =
          part.size() > kMaxClassTextBytes
              ? "has a text of more than " + std::to_string(kMaxClassTextBytes) + " bytes"
              : class_text_complaint(part);
      if (!complaint.empty()) throw TextError(place, number, 0, "the line " + complaint);
    }
    const auto [seen, added] = lines.emplace(info.id, number);
    if (!added) {
      throw TextError(place, number, 1,
                      "class '" + info.id + "' is on line " + std::to_string(seen->second) + " already");
    }
    if (classes.size() == static_cast<std::size_t>(kMaxClasses)) {
      throw TextError(place, number, 0, "more than " + std::to_string(kMaxClasses) + " classes");
    }
    classes.push_back(std::move(info));
  });
  if (classes.empty()) throw Error(place, "no classes: the file is empty");
  if (const auto alike = alike_classes(classes)) {
    const std::string& second = classes[alike->second].id;
    throw TextError(place, lines.at(second), 1, alike_complaint(classes[alike->first].id, second));
  }
  return classes;
}

std::vector<ClassInfo> numbered_classes(int count) {
  std::vector<ClassInfo> classes;
  classes.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) classes.push_back({std::to_string(i), {}});
  return classes;
}

LabelTable::LabelTable(const std::vector<ClassInfo>& classes) : size_(classes.size()) {
  while (numbered_ < size_ && classes[numbered_].id == std::to_string(numbered_)) ++numbered_;
  for (std::size_t i = numbered_; i < size_; ++i) {
    labels_.emplace(classes[i].id, static_cast<std::int32_t>(i));
    std::string form = comparable_id(classes[i].id);
    if (form != classes[i].id) {
      alike_.emplace(std::move(form), Known{static_cast<std::int32_t>(i), classes[i].id});
    }
  }
}

LabelTable LabelTable::numbered(int count) {
  LabelTable table;
  table.size_ = table.numbered_ = static_cast<std::size_t>(count);
  return table;
}

std::optional<std::int32_t> LabelTable::find(std::string_view id) const {
  const auto number = to_label(id);
  if (number && static_cast<std::size_t>(*number) < numbered_ && std::to_string(*number) == id) return number;
  const auto found = labels_.find(std::string(id));
  if (found == labels_.end()) return std::nullopt;
  return found->second;
}

std::optional<LabelTable::Known> LabelTable::known_alike(std::string_view id) const {
  std::string form = comparable_id(id);
  if (const auto found = alike_.find(form); found != alike_.end()) return found->second;
  const auto label = form == id ? std::nullopt : find(form);
  if (!label) return std::nullopt;
  return Known{*label, std::move(form)};
}

std::optional<std::int32_t> LabelTable::find_alike(std::string_view id) const {
  const auto known = known_alike(id);
  return known ? std::optional(known->label) : std::nullopt;
}

bool LabelTable::is_number(const ListEntry& entry) const {
  return !find(entry.label) && to_label(entry.label).has_value();
}

void LabelTable::check_first(const std::vector<ListEntry>& entries, std::string_view place) const {
  const ListEntry* highest = nullptr;
  for (const ListEntry& entry : entries) {
    if (entry.label.empty()) continue;
    const auto label = find(entry.label) ? std::nullopt : to_label(entry.label);
    if (!label || *label == 0 || static_cast<std::size_t>(*label) > size_) return;
    if (highest == nullptr && static_cast<std::size_t>(*label) == size_) highest = &entry;
  }
  if (highest == nullptr) return;
  throw TextError(place, highest->line, highest->column,
                  "label " + highest->label + " is out of range: the table has " + count_of(size_, "class") +
                      ", and labels count from 0; these seem to begin at 1");
}

std::int32_t LabelTable::resolve(const ListEntry& entry, std::string_view place) const {
  if (entry.label.empty()) return kNoLabel;
  if (const auto known = find(entry.label)) return *known;
  const auto refuse = [&](const std::string& reason) {
    throw TextError(place, entry.line, entry.column, reason);
  };
  if (!is_integer(entry.label)) {
    if (const auto known = known_alike(entry.label)) {
      refuse("'" + entry.label + "' is no class of the table, but looks like '" + known->id + "' (" +
             in_bytes(entry.label, known->id) + ")");
    }
    refuse(size_ == 0 ? "label '" + entry.label + "' is no number, and no class table is given"
                      : "'" + entry.label + "' is no class of the table");
  }
  const auto label = to_label(entry.label);
  if (!label || static_cast<std::size_t>(*label) >= size_) {
    refuse(number_complaint(entry.label, "the table has " + count_of(size_, "class") + ", from 0"));
  }
  return *label;
}

int count_numbered_classes(const std::vector<ListEntry>& entries, std::string_view place) {
  int count = 0;
  for (const ListEntry& entry : entries) {
    if (entry.label.empty()) continue;
    const auto label = to_label(entry.label);
    if (!label) {
      throw TextError(
          place, entry.line, entry.column,
          is_integer(entry.label)
              ? number_complaint(entry.label, "labels go from 0 to " + std::to_string(kMaxClasses - 1))
              : "label '" + entry.label + "' is no number: give the class table (--classes)");
    }
    count = std::max(count, *label + 1);
  }
  return count;
}

}  // namespace convoy
