// Lists, lists with NUL bytes, class tables: parse(print(x)) is x, and a label means the same in both.
#include "formats/list.h"

#include "lib/base/lines.h"
#include "lib/base/table.h"
#include "lib/prep/list_text.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

std::vector<ListEntry> stripped(std::vector<ListEntry> entries) {
  for (ListEntry& entry : entries) entry.line = entry.column = 0;
  return entries;
}

bool same(const std::vector<ListEntry>& a, const std::vector<ListEntry>& b) {
  return std::ranges::equal(a, b, [](const ListEntry& x, const ListEntry& y) {
    return x.path == y.path && x.label == y.label && x.line == y.line && x.column == y.column;
  });
}

std::string printed(const std::vector<ListEntry>& entries, char end) {
  std::string text;
  for (const ListEntry& entry : entries) {
    text += entry.path;
    if (!entry.label.empty()) text += "\t" + entry.label;
    text += end;
  }
  return text;
}

void check_list(std::string_view text, bool nul) {
  const auto parse = [nul](std::string_view from) {
    return nul ? parse_nul_list(from, "x") : parse_list(from, "x");
  };
  std::optional<std::vector<ListEntry>> entries;
  const auto count = outcome([&] { return entries.emplace(parse(text)).size(); });
  if (!count.value) {
    require(count.refusal.starts_with("x:"), "a refusal names the line");
    return;
  }
  const std::vector<ListEntry> again = parse(printed(*entries, nul ? '\0' : '\n'));
  require(same(stripped(again), stripped(*entries)), "a list that is printed and read differs");
  const auto numbered = outcome([&] { return count_numbered_classes(*entries, "x"); });
  require(numbered == outcome([&] { return count_numbered_classes(*entries, "x"); }), "counts differ");
  if (!numbered.value || *numbered.value == 0 || *numbered.value > 1000) return;
  const LabelTable table(numbered_classes(*numbered.value));
  for (const ListEntry& entry : *entries) {
    const std::int32_t label = table.resolve(entry, "x");
    require(label < *numbered.value && (label >= 0 || entry.label.empty()), "a label outside its classes");
  }
}

void check_classes(std::string_view text) {
  std::optional<std::vector<ClassInfo>> classes;
  if (!outcome([&] { return classes.emplace(parse_classes(text, "x")).size(); }).value) return;
  std::string printed;
  for (const ClassInfo& one : *classes) printed += one.id + "\t" + one.name + "\n";
  // A class without a name is a line without a TAB.
  for (std::size_t at = 0; (at = printed.find("\t\n", at)) != std::string::npos;) printed.erase(at, 1);
  const auto again = outcome([&] { return parse_classes(printed, "x"); });
  require(again.value == classes, "classes that are printed and read differ: " + again.refusal);
  const LabelTable table(*classes);
  for (std::size_t i = 0; i < classes->size(); ++i) {
    const std::string& id = (*classes)[i].id;
    require(table.find(id) == static_cast<std::int32_t>(i), "a class is not found by its ID");
    require(table.resolve({.path = "p", .label = id}, "x") == static_cast<std::int32_t>(i),
            "a label is another");
  }
}

// The text of a field that tsv_field() wrote.
std::string unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] != '\\') {
      text += field[i];
      continue;
    }
    require(i + 1 < field.size(), "a backslash ends a field");
    switch (field[++i]) {
      case 't':
        text += '\t';
        break;
      case 'n':
        text += '\n';
        break;
      case 'r':
        text += '\r';
        break;
      case '\\':
        text += '\\';
        break;
      case 'x':
        require(i + 2 < field.size(), "an escape is cut short");
        text += static_cast<char>(std::stoi(std::string(field.substr(i + 1, 2)), nullptr, 16));
        i += 2;
        break;
      default:
        require(false, "an unknown escape");
    }
  }
  return text;
}

void fuzz(Input input) {
  const std::string_view text = text_of(input);
  check_list(text, false);
  check_list(text, true);
  check_classes(text);
  const std::string field = tsv_field(text);
  require(field.find_first_of("\t\n\r") == std::string::npos, "a field is more than a field");
  require(unescaped(field) == text, "a field that is escaped and read differs");
  require(std::ranges::none_of(escape_controls(text), is_control), "a control character is left");
  require(labels_complaint(text) == labels_complaint(text), "complaints differ");
  static_cast<void>(begins_with_wordnet_id(text));
  static_cast<void>(names_no_file(input.first(std::min(input.size(), kListPeek))));
}

std::vector<Bytes> seeds() {
  return {bytes_of("a/1.jpg\nb/2.jpg\tcat\nc 3.png 7\n"),
          bytes_of("a.jpg 0\nb.jpg 1\nc.jpg 2\n"),
          bytes_of(std::string_view("a\nb\tdog\0c d 5\0", 14)),
          bytes_of("n01440764 tench, Tinca\nn01443537 goldfish\n"),
          bytes_of("cat\tthe cat\ndog\nemu\tan emu\n"),
          bytes_of("\xEF\xBB\xBF"
                   "a.jpg\r\n\\x\x1b\n")};
}

const AddReader kReader({.name = "list", .fuzz = fuzz, .seeds = seeds, .longest = 1024});

}  // namespace
}  // namespace convoy::fuzz
