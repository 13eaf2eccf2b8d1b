// Files that must not outlive the process under the names they have now.
#pragma once

#include <string>

namespace convoy {

// Keeps a temporary file's name, so that a signal that ends the process can remove the file. Beyond 64 names
// at a time, or where one is longer than the system's limit, nothing is kept. Thread-safe.
void keep_temporary(const std::string& path);
// Once the file is gone, or has its final name.
void forget_temporary(const std::string& path);
// Removes the files kept. For signal handlers: async-signal-safe, and leaves errno as it is.
void unlink_temporaries() noexcept;

}  // namespace convoy
