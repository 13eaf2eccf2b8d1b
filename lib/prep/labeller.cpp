#include "lib/prep/labeller.h"

#include <algorithm>

#include "formats/class_names.h"
#include "formats/labels_csv.h"
#include "lib/base/content.h"
#include "lib/base/counted_memory.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/lines.h"
#include "lib/prep/names.h"

namespace convoy {
namespace {

// Why no table can hold the class; empty if one can.
std::string complaint_about(const ClassInfo& info) {
  for (const std::string& text : {info.id, info.name}) {
    const std::string complaint = class_text_complaint(text);
    if (!complaint.empty()) return "'" + text + "' cannot be a class: the name " + complaint;
    // parse_classes() refuses it, too.
    if (!text.empty() && (is_blank(text.front()) || is_blank(text.back()))) {
      return "'" + text + "' cannot be a class: the name begins or ends with a blank";
    }
  }
  return {};
}

}  // namespace

Labeller::Labeller(const LabelRules& rules)
    : fixed_(rules.classes.has_value()),
      classes_(rules.classes.value_or(std::vector<ClassInfo>())),
      table_(classes_),
      labels_file_(rules.labels_file),
      classes_only_(rules.classes_only),
      memory_limit_(rules.memory_limit) {
  if (!rules.class_pattern.empty()) pattern_.emplace(rules.class_pattern);
  if (fixed_ && !classes_only_) note_pieces();
  if (labels_file_.empty()) return;
  read_labels();
}

void Labeller::read_labels() {
  // Each name is in the map, too, which has a node for it.
  constexpr std::uint64_t kNode = 96;
  const LineMemory memory{.limit = memory_limit_, .bytes_a_line = 2 * sizeof(ListEntry) + kNode, .texts = 4};
  const std::string text = read_list_file(labels_file_, kMaxListBytes, Expected::labels, memory);
  if (is_labels_csv(text)) {
    named_ = parse_labels_csv(text, labels_file_);
  } else if (const std::string complaint = labels_complaint(text); !complaint.empty()) {
    throw Error(labels_file_, complaint);
  } else {
    named_ = parse_list(text, labels_file_);
  }
  used_.resize(named_.size());
  for (std::size_t i = 0; i < named_.size(); ++i) {
    const ListEntry& entry = named_[i];
    if (entry.label.empty()) throw TextError(labels_file_, entry.line, 0, "a name without a label");
    numbered_ = numbered_ || table_.is_number(entry);
    if (!by_name_.emplace(entry.path, i).second) {
      throw TextError(labels_file_, entry.line, 1, "'" + entry.path + "' has a label already");
    }
  }
  if (fixed_ && !classes_only_) {
    table_.check_first(named_, labels_file_);
    for (const ListEntry& entry : named_) static_cast<void>(table_.resolve(entry, labels_file_));
  }
  if (!fixed_) note_numbers(count_numbered_classes(named_, labels_file_), labels_file_);
}

// A table with another separator than a TAB has IDs such as "emu emu, bird" or "2: emu", all of them.
void Labeller::note_pieces() {
  constexpr std::string_view kSeparators = " ,:;";
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    const std::string_view id = classes_[i].id;
    const std::size_t first = id.find_first_of(kSeparators);
    if (first == std::string_view::npos) {
      pieces_.clear();
      return;
    }
    const std::size_t rest = std::min(id.find_first_not_of(kSeparators, first), id.size());
    const bool numbered = id.find_first_not_of("0123456789") == first;
    pieces_.emplace(id.substr(numbered ? rest : 0, numbered ? id.npos : first), i);
  }
}

// The first pass over the inputs passes over errors, so finish() throws about too many.
void Labeller::note_class(const ClassInfo& info) {
  constexpr std::uint64_t kTexts = 8;  // of the map, the tables and their copies, and as JSON
  const bool full = gathered_.size() > static_cast<std::size_t>(kMaxClasses) ||
                    gathered_bytes_ > std::max(memory_limit_.bytes, kUncountedBytes);
  if (full || !gathered_.try_emplace(info.id, info.name).second) return;
  gathered_bytes_ += kBytesAClass + kTexts * (info.id.size() + info.name.size());
}

// The class of an image for the table; nothing if it has none, or one that no table can hold.
std::optional<ClassInfo> Labeller::class_to_note(const std::string& name, std::string_view folder) const {
  if (fixed_ || !labels_file_.empty()) return std::nullopt;
  auto info = pattern_ ? pattern_->match(name) : ClassInfo{std::string(folder), {}};
  // label() reports each image in a class that no table can hold.
  if (!info || info->id.empty() || !complaint_about(*info).empty()) return std::nullopt;
  return info;
}

bool Labeller::wants(const std::string& name, std::string_view folder) const {
  const auto info = class_to_note(name, folder);
  return info && !gathered_.contains(info->id);
}

void Labeller::note(const std::string& name, std::string_view folder) {
  if (const auto info = class_to_note(name, folder)) note_class(*info);
}

void Labeller::note_numbers(int count, std::string_view place) {
  if (count == 0) return;
  require_counted_memory(kBytesAClass * static_cast<std::uint64_t>(count), memory_limit_, place,
                         "classes up to the largest label, " + std::to_string(count - 1) + ",");
  numbers_ = std::max(numbers_, count);
  numbers_place_ = place;
}

void Labeller::finish() {
  if (fixed_) return;
  require_counted_memory(gathered_bytes_, memory_limit_, "classes", "those found so far");
  if (gathered_.size() > static_cast<std::size_t>(kMaxClasses)) {
    throw Error("more than " + std::to_string(kMaxClasses) + " classes");
  }
  if (numbers_ > 0 && !gathered_.empty()) {
    throw Error(numbers_place_, "labels are numbers here, but other inputs have classes by name ('" +
                                    gathered_.begin()->first + "'): give the class table (--classes)");
  }
  classes_ = numbered_classes(numbers_);
  for (const auto& [id, name] : gathered_) classes_.push_back({id, name});
  if (const auto alike = alike_classes(classes_)) {
    throw Error(alike_complaint(classes_[alike->first].id, classes_[alike->second].id));
  }
  table_ = LabelTable(classes_);
}

const ListEntry* Labeller::entry_for(const std::string& name) const {
  auto found = by_name_.find(name);
  const std::string_view last = last_component(name);
  if (found == by_name_.end()) found = by_name_.find(std::string(last));
  if (found == by_name_.end()) found = by_name_.find(std::string(last.substr(0, last.rfind('.'))));
  return found == by_name_.end() ? nullptr : &named_[found->second];
}

std::int32_t Labeller::label(const std::string& name, std::string_view folder, std::string_view place) const {
  if (!labels_file_.empty()) {
    const ListEntry* entry = entry_for(name);
    if (entry == nullptr) throw NoClass(place, "no label in " + labels_file_);
    used_[static_cast<std::size_t>(entry - named_.data())] = true;
    try {
      return table_.resolve(*entry, labels_file_);
    } catch (const Error& error) {
      if (!classes_only_) throw;
      throw OtherClass(place, error.reason(), entry->label);
    }
  }
  ClassInfo info{std::string(folder), {}};
  if (pattern_) {
    auto match = pattern_->match(name);
    if (!match) throw NoClass(place, "the name does not match --class-pattern");
    info = std::move(*match);
  }
  if (info.id.empty()) return kNoLabel;
  if (const std::string complaint = complaint_about(info); !fixed_ && !complaint.empty()) {
    throw UnusableClass(place, complaint, info.id);
  }
  const auto label = table_.find(info.id);
  if (label) return *label;
  if (const auto piece = pieces_.find(info.id); piece != pieces_.end()) {
    throw WrongTable(place, "no class of the table is called '" + info.id + "', but one '" +
                                classes_[piece->second].id +
                                "': lines ID or ID<TAB>NAME are wanted (see convoy-list(5))");
  }
  if (const auto alike = fixed_ ? table_.find_alike(info.id) : std::nullopt) {
    const std::string& known = classes_[static_cast<std::size_t>(*alike)].id;
    throw WrongTable(place, "no class of the table is called '" + info.id +
                                "', but one that looks like it (" + in_bytes(info.id, known) + ")");
  }
  throw OtherClass(place, "'" + info.id + "' is no class of the table", info.id);
}

std::string Labeller::unused_note() const {
  const auto unused = static_cast<std::size_t>(std::count(used_.begin(), used_.end(), false));
  if (unused == 0 || unused == used_.size()) return {};
  const auto first = static_cast<std::size_t>(std::find(used_.begin(), used_.end(), false) - used_.begin());
  return labels_file_ + ": no image has " +
         (unused == 1 ? "the name '" + named_[first].path + "'"
                      : std::to_string(unused) + " of " + std::to_string(used_.size()) + " names, such as '" +
                            named_[first].path + "'");
}

}  // namespace convoy
