// What all that makes files has in common.
#pragma once

#include <string>

#include "lib/base/file.h"

namespace convoy {

// A file is whole under its name, but its folder could not be put on disk, so that a failure of the machine
// may still take the name away.
class NotOnDiskError : public OutputError {
 public:
  using OutputError::OutputError;
};

// Throws OutputError(name, strerror(code)).
[[noreturn]] void throw_output_errno(const std::string& name, int code);
// The permissions of a new file: 0666 less the umask.
[[nodiscard]] unsigned new_file_mode();
// The folder that the file is in: "." of "x".
[[nodiscard]] std::string parent_folder(const std::string& path);
// Puts the names in the folder on disk. Throws NotOnDiskError(name, reason).
void sync_folder(const std::string& folder, const std::string& name);

// Why rename(2) would not let the file at `path` be replaced, although a file can be made beside it; empty if
// nothing is known. It belongs to somebody else in a folder with the sticky bit, such as /tmp; it is
// immutable or append-only; or something is mounted on it, as containers do with single files.
[[nodiscard]] std::string why_not_replaced(const std::string& path);

}  // namespace convoy
