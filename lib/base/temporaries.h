// Files that must not outlive the process under the names they have now.
#pragma once

#include <string>
#include <vector>

namespace convoy {

// Makes a file as mkostemp(3) does, from a pattern that ends in XXXXXX and becomes its name, and keeps the
// name, so that a signal that ends the process can remove the file. Beyond 64 names at a time, or where one
// is longer than the system's limit, nothing is kept. Returns the descriptor, or -1 with errno set.
// Thread-safe.
[[nodiscard]] int create_temporary(std::string& pattern);
// Once the file is gone, or has its final name.
void forget_temporary(const std::string& path);
// The names kept now. Not while other threads make or forget some.
[[nodiscard]] std::vector<std::string> kept_temporaries();
// Removes the files kept, also those that other threads are just making. For signal handlers:
// async-signal-safe, and leaves errno as it is.
void unlink_temporaries() noexcept;

}  // namespace convoy
