#include "formats/labels_csv.h"

#include <algorithm>
#include <array>
#include <string>

#include "lib/base/error.h"
#include "lib/base/lines.h"

namespace convoy {
namespace {

// First fields of headings, in small letters.
constexpr std::array<std::string_view, 16> kHeadings = {
    "id",       "ids",  "image",     "image_id", "imageid", "image_name", "imagename", "image_path",
    "filename", "file", "file_name", "filepath", "fname",   "name",       "path",      "img"};

std::string_view without_mark(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return text;
}

std::string_view without_return(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The separator of a text whose lines all have one; NUL if there is none.
char separator_of(std::string_view text) {
  bool commas = !text.empty();
  bool semicolons = commas;
  for_each_line(text, '\n', [&](std::string_view line, std::uint64_t) {
    commas = commas && line.find(',') != std::string_view::npos;
    semicolons = semicolons && line.find(';') != std::string_view::npos;
  });
  if (text.find('\t') != std::string_view::npos) return '\0';
  return commas ? ',' : semicolons ? ';' : '\0';
}

// Columns that are counted in a line of too many.
constexpr std::size_t kMaxColumns = 1000;

struct Field {
  std::string text;
  std::uint64_t column = 0;
};

// Takes the fields of lines.
class Fields {
 public:
  Fields(char separator, std::string_view place) : separator_(separator), place_(place) {}

  [[nodiscard]] std::vector<Field> of(std::string_view line, std::uint64_t number) const {
    std::vector<Field> fields;
    std::size_t at = 0;
    while (true) {
      Field field{.text = {}, .column = at + 1};
      if (at < line.size() && line[at] == '"') {
        at = quoted(line, number, at, field.text);
      } else {
        const std::size_t end = std::min(line.find(separator_, at), line.size());
        field.text = line.substr(at, end - at);
        at = end;
      }
      fields.push_back(std::move(field));
      if (fields.size() > kMaxColumns) {
        throw TextError(place_, number, 0,
                        "more than " + std::to_string(kMaxColumns) + " columns: two are wanted, NAME" +
                            separator_ + "LABEL");
      }
      if (at == line.size()) return fields;
      if (line[at] != separator_) throw TextError(place_, number, at + 1, "text behind a field in quotes");
      ++at;
    }
  }

 private:
  // The field in quotes that begins at `at`, where two quotes are one of the text. Returns what is behind it.
  [[nodiscard]] std::size_t quoted(std::string_view line, std::uint64_t number, std::size_t at,
                                   std::string& text) const {
    const std::size_t begin = at++;
    for (; at < line.size(); ++at) {
      if (line[at] == '"' && (at + 1 == line.size() || line[at + 1] != '"')) return at + 1;
      if (line[at] == '"') ++at;
      text += line[at];
    }
    throw TextError(place_, number, begin + 1, "a quote that does not end in the line");
  }

  char separator_;
  std::string_view place_;
};

bool is_heading(std::string_view line, char separator) {
  line = without_return(without_mark(line));
  std::string first(line.substr(0, line.find(separator)));
  std::erase(first, '"');
  std::ranges::transform(first, first.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return std::ranges::find(kHeadings, first) != kHeadings.end();
}

}  // namespace

bool is_labels_csv(std::string_view text) {
  const char separator = separator_of(text);
  if (separator == '\0') return false;
  return is_heading(text.substr(0, text.find('\n')), separator) || !labels_complaint(text).empty();
}

std::vector<ListEntry> parse_labels_csv(std::string_view text, std::string_view place) {
  const char separator = separator_of(text);
  const Fields fields_of(separator, place);
  std::vector<ListEntry> entries;
  for_each_line(without_mark(text), '\n', [&](std::string_view line, std::uint64_t number) {
    if (number == 1 && is_heading(line, separator)) return;
    line = without_return(line);
    check_printable(line, place, number);
    std::vector<Field> fields = fields_of.of(line, number);
    if (fields.size() != 2) {
      throw TextError(place, number, 0,
                      std::to_string(fields.size()) + " columns: two are wanted, NAME" + separator + "LABEL");
    }
    std::string& label = fields[1].text;
    if (begins_with_wordnet_id(label)) label.erase(std::min(label.find(' '), label.size()));
    for (const Field& field : fields) {
      if (field.text.empty()) throw TextError(place, number, field.column, "empty field");
      if (is_blank(field.text.front()) || is_blank(field.text.back())) {
        throw TextError(place, number, field.column, "blank at an end of the field");
      }
    }
    entries.push_back({std::move(fields[0].text), std::move(label), number, fields[1].column});
  });
  return entries;
}

}  // namespace convoy
