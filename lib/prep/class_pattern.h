// The regular expression of --class-pattern, which takes classes from names.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "formats/dataset_info.h"

namespace convoy {

// A POSIX extended regular expression whose first group is the ID of a class, and whose second group, if
// there is one, its readable name. Of the matches that begin first, the longest counts; of the ways to divide
// it among groups, the one in which the earlier alternatives and the longer repetitions come first.
// Characters are bytes. A match takes time linear in the name, and memory up to a bound.
class ClassPattern {
 public:
  // Throws UsageError if the expression is wrong, has no group, needs too much memory, refers back to a group
  // (no way is known to match that in linear time), or is of another grammar: \d, [\w-] or .+? would compile
  // in some matchers, but not mean what they mean there.
  explicit ClassPattern(const std::string& expression);
  ClassPattern(ClassPattern&&) noexcept;
  ClassPattern& operator=(ClassPattern&&) noexcept;
  ~ClassPattern();
  // The class in the name; nothing if the name does not match, or the class is empty. Any thread may call it.
  [[nodiscard]] std::optional<ClassInfo> match(const std::string& name) const;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

}  // namespace convoy
