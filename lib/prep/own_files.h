// What a run writes is no input of it.
#pragma once

#include <sys/types.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "lib/base/options.h"

namespace convoy {

// Which file or folder it is, whatever path leads to it.
struct FileIdentity {
  dev_t device;
  ino_t inode;
  bool operator==(const FileIdentity&) const = default;
};

// A file that the run writes ("-" is standard output), and the option that names it.
struct RunOutput {
  std::string option;
  std::string path;
};
// Of these options, those that are given.
[[nodiscard]] std::vector<RunOutput> outputs_of(const Options& options,
                                                std::initializer_list<const char*> names);

// Those that are there when this is made, and the run's temporary files.
class OwnFiles {
 public:
  explicit OwnFiles(const std::vector<RunOutput>& outputs);
  // Whether a file that lies in a folder of inputs is one of them. Throws UsageError where it is an image or
  // an archive, which the output would replace.
  [[nodiscard]] bool contain(const std::string& path) const;
  // Throws UsageError where an input that the user named is one of them.
  void refuse(const std::string& path) const;

 private:
  struct File {
    FileIdentity is;
    RunOutput output;
  };
  void add(const RunOutput& output);
  [[nodiscard]] const RunOutput* find(const std::string& path) const;
  std::vector<File> files_;
};

}  // namespace convoy
