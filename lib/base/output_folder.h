// A folder that a tool fills with files.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/output_lock.h"

namespace convoy {

// Holds the folder's name, and removes at the end what was made in it, unless that is to be kept. Used by one
// thread at a time.
class OutputFolder {
 public:
  // Whether a file of that name in the folder may be replaced.
  using Replaceable = std::function<bool(std::string_view name)>;

  // Makes nothing yet. Throws Error if `folder` is there and no folder, or not empty but for files that may
  // be replaced; nullptr: none.
  explicit OutputFolder(const std::string& folder, const Replaceable& replaceable = nullptr);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  OutputFolder(OutputFolder&&) = delete;
  OutputFolder& operator=(OutputFolder&&) = delete;
  ~OutputFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  // Removes the files that are to be replaced. Throws Error.
  void clear();
  // Makes a folder, and those that lead to it. Throws Error.
  void add_folder(const std::string& path);
  // Notes a file that is about to be made.
  void add_file(const std::string& path) { files_.push_back(path); }
  // Those that were made.
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }
  // Leaves what has been made so far where it is.
  void keep();

 private:
  std::string path_;
  OutputLock lock_;
  std::vector<std::string> older_;  // to be replaced
  std::vector<std::string> files_;
  std::vector<std::string> folders_;
};

}  // namespace convoy
