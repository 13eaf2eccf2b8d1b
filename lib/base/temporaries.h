// Temporary files, which must not outlive the process.
#pragma once

#include <csignal>
#include <string>
#include <vector>

namespace convoy {

// Creates a file as mkostemp(3) does: `pattern` ends in XXXXXX and becomes the file's name. The name is
// recorded, so that whatever ends the process can remove the file. Returns the descriptor, or -1 with errno
// set. Throws std::bad_alloc, and then there is no file. Thread-safe.
[[nodiscard]] int create_temporary(std::string& pattern);
// Records the name of a file that is there already, as create_temporary() does. Thread-safe.
void keep_temporary(const std::string& path);
// Whether the name is recorded. Thread-safe.
[[nodiscard]] bool is_kept_temporary(const std::string& path);
// Drops a recorded name, once the file is gone or has its final name. Thread-safe.
void forget_temporary(const std::string& path) noexcept;
// The recorded names. Thread-safe, but leaves out files that other threads are just creating.
[[nodiscard]] std::vector<std::string> kept_temporaries();
// Removes the recorded files, including those that other threads are just creating, but none that a parent
// of this process has recorded. The process must end then: none can be created any more. For signal handlers
// and exit(): async-signal-safe, and does not change errno.
void unlink_temporaries() noexcept;

// Blocks signals in this thread while it lives.
class HeldSignals {
 public:
  HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  HeldSignals(HeldSignals&&) = delete;
  HeldSignals& operator=(HeldSignals&&) = delete;
  ~HeldSignals();

 private:
  sigset_t before_{};
};

}  // namespace convoy
