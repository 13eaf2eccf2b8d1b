// Classes of images: their IDs do not depend on the order of the images (of readable names, the first
// counts), and a table that was gathered, given as a table, gives the same labels.
#include "lib/prep/labeller.h"

#include "lib/base/lines.h"
#include "lib/prep/class_pattern.h"
#include "lib/prep/names.h"
#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {
namespace {

constexpr std::size_t kMostNames = 30;

struct Labels {
  std::vector<std::string> classes;
  std::vector<std::string> labels;  // of the names, or why there is none
  bool operator==(const Labels&) const = default;
};

Labels labels_of(Labeller& labeller, const std::vector<std::string>& names) {
  Labels labels;
  for (const ClassInfo& one : labeller.classes()) labels.classes.push_back(one.id);
  for (const std::string& name : names) {
    const auto label = outcome([&] { return labeller.label(name, first_folder(name), "x"); });
    labels.labels.push_back(label.value ? std::to_string(*label.value) : "none");
  }
  return labels;
}

Labels gathered(const LabelRules& rules, const std::vector<std::string>& names, bool reversed) {
  Labeller labeller(rules);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[reversed ? names.size() - 1 - i : i];
    labeller.note(name, first_folder(name));
  }
  labeller.finish();
  return labels_of(labeller, names);
}

void fuzz(Input input) {
  const std::vector<std::string_view> parts = parts_of(text_of(input));
  LabelRules rules;
  rules.class_pattern = parts[0].substr(0, parts[0].find('\n'));
  if (parts.size() > 2) rules.labels_file = file_with(bytes_of(parts[2]));
  std::vector<std::string> names;
  for_each_line(parts.size() > 1 ? parts[1] : parts[0], '\n',
                [&](std::string_view line, std::uint64_t /*number*/) {
                  if (names.size() < kMostNames && line.size() < 200) names.emplace_back(line);
                });
  if (!rules.class_pattern.empty()) {
    std::optional<ClassPattern> pattern;
    if (!outcome([&] { return pattern.emplace(rules.class_pattern).match("x"); }).refusal.empty()) return;
    const ClassPattern again(rules.class_pattern);
    for (const std::string& name : names)
      require(pattern->match(name) == again.match(name), "a match differs");
  }
  const auto first = outcome([&] { return gathered(rules, names, false); });
  const auto second = outcome([&] { return gathered(rules, names, true); });
  require(first.value == second.value, "classes depend on the order of the images: " + first.refusal);
  if (!first.value) return;
  Labeller original(rules);
  for (const std::string& name : names) original.note(name, first_folder(name));
  original.finish();
  if (original.classes().empty()) return;
  rules.classes = original.classes();
  const auto given = outcome([&] {
    Labeller labeller(rules);
    return labels_of(labeller, names);
  });
  if (!rules.labels_file.empty() && !given.value) return;  // a list may have labels that no image has
  require(given.value.has_value(), "a table that was gathered is refused: " + given.refusal);
  // An image whose class has a readable name that no table can hold is refused only while a table is
  // gathered.
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string& label = first.value->labels[i];
    require(label == "none" || label == given.value->labels[i],
            "a table that was gathered gives other labels");
  }
}

std::vector<Bytes> seeds() {
  return {bytes_of("^([a-z]+)_\n%%\ncat_1.jpg\ndog_2.jpg\ncat/3.jpg\n"),
          bytes_of("\n%%\ncat/1.jpg\ndog/2.jpg\n3.jpg\n\xff/4.jpg\n"),
          bytes_of("\n%%\n1.jpg\n2.jpg\n%%\n1.jpg\tcat\n2.jpg\tdog\n"),
          bytes_of("(n[0-9]+)_(.*)[.]\n%%\na/n1_tench.jpg\nn2_.jpg\n")};
}

const AddReader kReader({.name = "labeller", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
