// Tables of labels with commas or semicolons: parse(print(x)) is x.
#include "formats/labels_csv.h"

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

std::string quoted(const std::string& field) {
  std::string text = "\"";
  for (const char c : field) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

void fuzz(Input input) {
  const std::string_view text = text_of(input);
  if (!is_labels_csv(text)) return;
  std::optional<std::vector<ListEntry>> entries;
  if (!outcome([&] { return entries.emplace(parse_labels_csv(text, "x")).size(); }).value) return;
  // A heading, so that the first entry is none.
  for (const char separator : {',', ';'}) {
    std::string printed = std::string("filename") + separator + "label\n";
    for (const ListEntry& entry : *entries) {
      printed += quoted(entry.path) + separator + quoted(entry.label) + "\n";
    }
    if (!is_labels_csv(printed)) continue;
    const auto again = parse_labels_csv(printed, "x");
    require(std::ranges::equal(again, *entries,
                               [](const ListEntry& a, const ListEntry& b) {
                                 return a.path == b.path && a.label == b.label;
                               }),
            "a table that is printed and read differs: " + printed);
  }
}

std::vector<Bytes> seeds() {
  return {bytes_of("filename,label\na.jpg,cat\nb.jpg,dog\n"), bytes_of("id;breed\r\n\"a;b\";\"c\"\"d\"\r\n"),
          bytes_of("ImageId,PredictionString\nval_1,n01978287 85 1 499 272\n"),
          bytes_of("\xEF\xBB\xBF"
                   "a.jpg,cat\n")};
}

const AddReader kReader({.name = "labels_csv", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
