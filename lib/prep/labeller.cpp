#include "lib/prep/labeller.h"

#include <regex.h>

#include <algorithm>
#include <array>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/prep/walk.h"

namespace convoy {
namespace {

// The matcher's time grows with the name; no file system has longer names.
constexpr std::size_t kMaxMatchedName = 4096;

// Why no table can hold the class; empty if one can.
std::string complaint_about(const ClassInfo& info) {
  for (const std::string& text : {info.id, info.name}) {
    const std::string complaint = class_text_complaint(text);
    if (!complaint.empty()) return "'" + text + "' cannot be a class: the name " + complaint;
  }
  return {};
}

}  // namespace

struct ClassPattern::Compiled {
  regex_t regex{};
  explicit Compiled(const std::string& expression) {
    const int status = ::regcomp(&regex, expression.c_str(), REG_EXTENDED);
    if (status == 0) return;
    std::array<char, 256> reason{};
    ::regerror(status, &regex, reason.data(), reason.size());
    throw UsageError("--class-pattern", "'" + expression + "': " + reason.data());
  }
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  Compiled(Compiled&&) = delete;
  Compiled& operator=(Compiled&&) = delete;
  ~Compiled() { ::regfree(&regex); }
};

ClassPattern::ClassPattern(const std::string& expression)
    : compiled_(std::make_unique<Compiled>(expression)) {
  if (compiled_->regex.re_nsub == 0) {
    throw UsageError("--class-pattern", "'" + expression + "' has no group ( ) that would be the class");
  }
}
ClassPattern::ClassPattern(ClassPattern&&) noexcept = default;
ClassPattern& ClassPattern::operator=(ClassPattern&&) noexcept = default;
ClassPattern::~ClassPattern() = default;

std::optional<ClassInfo> ClassPattern::match(const std::string& name) const {
  std::array<regmatch_t, 3> groups{};
  if (name.size() > kMaxMatchedName) return std::nullopt;
  if (::regexec(&compiled_->regex, name.c_str(), groups.size(), groups.data(), 0) != 0) return std::nullopt;
  const auto text = [&](const regmatch_t& group) {
    if (group.rm_so < 0) return std::string();
    return name.substr(static_cast<std::size_t>(group.rm_so),
                       static_cast<std::size_t>(group.rm_eo - group.rm_so));
  };
  ClassInfo info{text(groups[1]), text(groups[2])};
  if (info.id.empty()) return std::nullopt;
  return info;
}

Labeller::Labeller(const LabelRules& rules)
    : fixed_(rules.classes.has_value()),
      classes_(rules.classes.value_or(std::vector<ClassInfo>())),
      table_(classes_),
      labels_file_(rules.labels_file) {
  if (!rules.class_pattern.empty()) pattern_.emplace(rules.class_pattern);
  if (labels_file_.empty()) return;
  named_ = parse_list(read_text_file(labels_file_, kMaxListBytes), labels_file_);
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const ListEntry& entry = named_[i];
    if (entry.label.empty()) throw TextError(labels_file_, entry.line, 0, "a name without a label");
    if (!by_name_.emplace(entry.path, i).second) {
      throw TextError(labels_file_, entry.line, 1, "'" + entry.path + "' has a label already");
    }
    if (fixed_) static_cast<void>(table_.resolve(entry, labels_file_));
  }
  if (!fixed_) note_numbers(count_numbered_classes(named_, labels_file_), labels_file_);
}

void Labeller::note_class(const ClassInfo& info) {
  if (!complaint_about(info).empty()) return;  // label() reports each image in it
  gathered_.try_emplace(info.id, info.name);
  if (gathered_.size() > static_cast<std::size_t>(kMaxClasses)) {
    throw Error("more than " + std::to_string(kMaxClasses) + " classes");
  }
}

void Labeller::note(const std::string& name, std::string_view folder) {
  if (fixed_ || !labels_file_.empty()) return;
  if (pattern_) {
    if (const auto info = pattern_->match(name)) note_class(*info);
  } else if (!folder.empty()) {
    note_class({std::string(folder), {}});
  }
}

void Labeller::note_numbers(int count, std::string_view place) {
  if (count == 0) return;
  numbers_ = std::max(numbers_, count);
  numbers_place_ = place;
}

void Labeller::finish() {
  if (fixed_) return;
  if (numbers_ > 0 && !gathered_.empty()) {
    throw Error(numbers_place_, "labels are numbers here, but other inputs have classes by name ('" +
                                    gathered_.begin()->first + "'): give the class table (--classes)");
  }
  classes_ = numbered_classes(numbers_);
  for (const auto& [id, name] : gathered_) classes_.push_back({id, name});
  table_ = LabelTable(classes_);
}

const ListEntry* Labeller::entry_for(const std::string& name) const {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) found = by_name_.find(std::string(last_component(name)));
  return found == by_name_.end() ? nullptr : &named_[found->second];
}

std::int32_t Labeller::label(const std::string& name, std::string_view folder, std::string_view place) const {
  if (!labels_file_.empty()) {
    const ListEntry* entry = entry_for(name);
    if (entry == nullptr) throw Error(place, "no label in " + labels_file_);
    return table_.resolve(*entry, labels_file_);
  }
  ClassInfo info{std::string(folder), {}};
  if (pattern_) {
    auto match = pattern_->match(name);
    if (!match) throw Error(place, "the name does not match --class-pattern");
    info = std::move(*match);
  }
  if (info.id.empty()) return kNoLabel;
  if (const std::string complaint = complaint_about(info); !fixed_ && !complaint.empty()) {
    throw Error(place, complaint);
  }
  const auto label = table_.find(info.id);
  if (!label) throw Error(place, "'" + info.id + "' is no class of the table");
  return *label;
}

}  // namespace convoy
