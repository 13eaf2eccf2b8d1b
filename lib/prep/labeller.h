// Assigns images to classes, by the user's options and by the folders that the images are in.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/list.h"
#include "lib/base/error.h"
#include "lib/base/memory.h"
#include "lib/prep/class_pattern.h"

namespace convoy {

// The options that decide labels; see man/convoy-list.5 and man/convoy-imgprep.1.
struct LabelRules {
  std::optional<std::vector<ClassInfo>> classes;  // --classes: the class table
  std::string class_pattern;  // --class-pattern: a POSIX extended regular expression on names; empty: none
  std::string labels_file;    // --labels: a list of names with their labels; empty: none
  bool classes_only = false;  // whether labels of --labels may be outside the table
  MemoryLimit memory_limit = {};  // what the list may take
};

// Thrown by Labeller::label() if a rule gives an image no class, as it may for many.
class NoClass : public Error {
 public:
  using Error::Error;
};

// Thrown by Labeller::label() if the class is one that no table can hold: what is wrong with an image is so
// for all of its class.
class UnusableClass : public NoClass {
 public:
  UnusableClass(std::string_view place, std::string_view reason, std::string_view id)
      : NoClass(place, reason), id_(id) {}
  // The class.
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  std::string id_;
};

// Thrown by Labeller::label() if the class is not in the table.
class OtherClass : public UnusableClass {
 public:
  using UnusableClass::UnusableClass;
};

// Thrown by Labeller::label() if the class table seems to be of another form, so that it fits no image, or if
// it has a class that looks like that of the image: the run ends.
class WrongTable : public Error {
 public:
  using Error::Error;
};

// Collects the class table, then assigns labels. Precedence: a label in a list, --labels, --class-pattern,
// the folder (or inner archive).
class Labeller {
 public:
  // Throws Error if a file cannot be read, and UsageError if the pattern is wrong.
  explicit Labeller(const LabelRules& rules);

  // Whether the table must be collected: then note every image before asking for the first label.
  [[nodiscard]] bool gathers() const { return !fixed_; }
  // Whether the names of images decide, and not their folders.
  [[nodiscard]] bool has_pattern() const { return pattern_.has_value(); }
  // Whether `id` is a class of the table.
  [[nodiscard]] bool knows(std::string_view id) const { return table_.find(id).has_value(); }

  // Whether the label of an entry is a number, and no ID of the table.
  [[nodiscard]] bool has_number(const ListEntry& entry) const { return table_.is_number(entry); }

  // Whether note() of this would add a class.
  [[nodiscard]] bool wants(const std::string& name, std::string_view folder) const;
  // Announces an image called `name` in a folder called `folder` (empty: none).
  void note(const std::string& name, std::string_view folder);
  // Announces the numbers 0 to count - 1 as labels. Throws what require_memory() does if their classes take
  // more memory than there is.
  void note_numbers(int count, std::string_view place);
  // Completes the table: classes are sorted by the bytes of their IDs. Throws Error if there are more than
  // kMaxClasses, or more than the memory allows, if numbers and IDs are mixed, and if two IDs look alike
  // (alike_classes()). A name that no table can hold (class_text_complaint()) is left out: label() refuses
  // its images.
  void finish();

  // Whether a label of --labels is a number that is no ID of a given table.
  [[nodiscard]] bool numbered() const { return numbered_; }
  // About names of --labels that no image asked for has had; empty if there are none.
  [[nodiscard]] std::string unused_note() const;
  [[nodiscard]] const std::vector<ClassInfo>& classes() const { return classes_; }
  // The label of an entry of a list: see LabelTable::resolve().
  [[nodiscard]] std::int32_t resolve(const ListEntry& entry, std::string_view place) const {
    return table_.resolve(entry, place);
  }
  // The label of an image, or kNoLabel if no rule applies. Throws OtherClass if a rule gives no
  // class of the table, UnusableClass if it gives one that no table can hold, and NoClass if it gives no
  // class at all. Throws WrongTable if every ID of the table has two parts, of which the class is
  // one, or if the table has a class that looks like this one (LabelTable::find_alike()).
  [[nodiscard]] std::int32_t label(const std::string& name, std::string_view folder,
                                   std::string_view place) const;

 private:
  void read_labels();
  void note_class(const ClassInfo& info);
  void note_pieces();
  [[nodiscard]] std::optional<ClassInfo> class_to_note(const std::string& name,
                                                       std::string_view folder) const;
  [[nodiscard]] const ListEntry* entry_for(const std::string& name) const;

  bool fixed_ = false;
  std::vector<ClassInfo> classes_;
  LabelTable table_;
  std::optional<ClassPattern> pattern_;
  std::string labels_file_;
  bool classes_only_ = false;
  bool numbered_ = false;
  std::vector<ListEntry> named_;                          // of --labels
  std::unordered_map<std::string, std::size_t> by_name_;  // index into named_
  mutable std::vector<bool> used_;                        // of named_, by label()
  std::unordered_map<std::string, std::size_t> pieces_;   // of the IDs of a given table, to their labels
  std::map<std::string, std::string> gathered_;           // ID to readable name, in the order of bytes
  std::uint64_t gathered_bytes_ = 0;                      // that their table will take
  MemoryLimit memory_limit_;
  int numbers_ = 0;
  std::string numbers_place_;
};

}  // namespace convoy
