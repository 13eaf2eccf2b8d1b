// Keeps two runs from writing one file at a time.
#pragma once

#include <string>

#include "lib/base/fd.h"

namespace convoy {

struct Destination;

// Holds the name of an output for this process, by whatever path, until it is destroyed or the process ends,
// however that happens. It is a lock (flock) on ".NAME.convoy-lock" in the output's folder, which is removed
// with it; SIGKILL leaves that file behind, and the next run of this output uses and removes it. If the file
// system has no locks, or the file cannot be made in its folder, the run goes on without a lock.
class OutputLock {
 public:
  OutputLock() = default;  // of nothing
  // Throws Error if another process holds it. Nothing for an output that is no file of its own, or that this
  // process holds already.
  explicit OutputLock(const Destination& output);
  explicit OutputLock(const std::string& output);
  OutputLock(const OutputLock&) = delete;
  OutputLock& operator=(const OutputLock&) = delete;
  OutputLock(OutputLock&& other) noexcept;
  OutputLock& operator=(OutputLock&& other) noexcept;
  ~OutputLock();

 private:
  std::string path_;  // empty: nothing is held
  Fd fd_;
};

}  // namespace convoy
