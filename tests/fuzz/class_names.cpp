// Class IDs that look alike: the comparable form of a comparable form is itself, and the table finds the same
// pair as comparing each with each.
#include "formats/class_names.h"

#include "lib/base/lines.h"
#include "lib/base/text.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

void fuzz(Input input) {
  std::vector<ClassInfo> classes;
  std::vector<std::string> forms;
  for_each_line(text_of(input), '\n', [&](std::string_view line, std::uint64_t /*number*/) {
    const bool is_new = std::ranges::none_of(classes, [&](const ClassInfo& one) { return one.id == line; });
    if (!is_new || classes.size() == 20) return;
    classes.push_back({.id = std::string(line), .name = {}});
    forms.push_back(comparable_id(line));
    if (line.size() > kMaxComparedId) require(forms.back() == line, "a long ID stays as it is");
    if (is_utf8(line)) require(is_utf8(forms.back()), "the form of an ID is no UTF-8");
    if (forms.back().size() > kMaxComparedId) return;
    require(comparable_id(forms.back()) == forms.back(), "the form of a form is another");
  });
  bool any = false;
  for (std::size_t i = 0; i < forms.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) any = any || forms[i] == forms[j];
  }
  const auto pair = alike_classes(classes);
  require(pair.has_value() == any, "classes that look alike are not found, or found where there are none");
  if (!pair) return;
  require(pair->first != pair->second && forms.at(pair->first) == forms.at(pair->second),
          "they are not alike");
  require(!alike_complaint(classes[pair->first].id, classes[pair->second].id).empty(), "nothing is said");
}

std::vector<Bytes> seeds() {
  return {bytes_of("caf\u00e9\ncafe\u0301\ndog"), bytes_of("a b\na\u00a0b\n a b \na\u200bb\nab"),
          bytes_of("\u1e9b\u0323\n\u1e9b\n\uac00\n\u1100\u1161\n\xff")};
}

const AddReader kReader({.name = "class_names", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
