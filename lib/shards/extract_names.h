// The names of the files that records are written to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "formats/dataset_info.h"

namespace convoy {

// `text` as a file name that no file system, shell or terminal misreads: '/', '%', control bytes and a
// leading '.' or '-' become %XX, and long names are cut. Never empty.
[[nodiscard]] std::string safe_file_name(std::string_view text);

// Gives out paths that are all different.
class ExtractNames {
 public:
  // The path gets the name as it is from now on.
  void reserve(const std::string& path) { used_.insert(path); }
  // A path for a record called `name` of the class `class_id` (empty: it has none), below that class's
  // folder. Names that occur again get a number.
  [[nodiscard]] std::string path(std::string_view name, std::string_view class_id, Codec codec);
  // How many paths have been looked at to find those that were free.
  [[nodiscard]] std::uint64_t tries() const { return tries_; }

 private:
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, std::uint64_t> numbers_;  // the last number of a path that occurred again
  std::uint64_t tries_ = 0;
};

}  // namespace convoy
