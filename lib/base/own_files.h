// The files that a run writes, which must not take the place of its inputs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lib/base/file_identity.h"

namespace convoy {

// The identity of the regular file at `path`; nothing if there is none.
[[nodiscard]] std::optional<FileIdentity> regular_file(const std::string& path);

// A file that the run writes ("-" is standard output), and the option that names it: "--output".
struct RunOutput {
  std::string option;
  std::string path;
};

// Which outputs may be an input of the run as well.
enum class Replacing {
  nothing,
  inputs,  // those that take its place when they are complete; what is written directly may not
};
// Throws UsageError if two outputs are one file or one stream, if one is a file of `inputs`, or if one would
// replace the file that standard error goes to. Character devices such as /dev/null may be named repeatedly.
void check_outputs(const std::vector<RunOutput>& outputs, const std::vector<std::string>& inputs,
                   Replacing replacing = Replacing::nothing);
// Throws the UsageError of an output that is an input.
[[noreturn]] void throw_is_input(const RunOutput& output);

// The regular files among the outputs that exist when this is made, and the temporary files of the run.
class OwnFiles {
 public:
  explicit OwnFiles(const std::vector<RunOutput>& outputs);
  // The output that is the file at `path`; nullptr if none is. A temporary file has no option.
  [[nodiscard]] const RunOutput* find(const std::string& path) const;
  // Throws UsageError if `path`, which the user named as an input, is one of the outputs.
  void refuse(const std::string& path) const;

 private:
  struct File {
    FileIdentity identity;
    RunOutput output;
  };
  std::vector<File> files_;
};

}  // namespace convoy
