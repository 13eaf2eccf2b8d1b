// How much memory this process can have, and may ask for.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace convoy {

struct AvailableMemory {
  std::uint64_t bytes = 0;
  std::string limit;  // what sets it: "free on this machine", "left to this control group (/sys/...)"
};

// The least of what is free on this machine, what the limits of the control groups of this process leave, and
// what its limits on address space and data (ulimit -v and -d) leave. Caches of files count as free. Nothing
// if none of them is known. `root`: in front of /proc and /sys, for tests.
[[nodiscard]] std::optional<AvailableMemory> available_memory(const std::string& root = {});

// The most memory that a run may ask for. What it will need is known before it is allocated, and more than
// this is refused. Results never depend on it.
struct MemoryLimit {
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();  // the default: no limit
  std::string source = {};                                          // what sets it: "--max-memory"
  // "4.0 GiB (--max-memory)".
  [[nodiscard]] std::string text() const;
};

// What the machine has: the least of its whole memory, the limits of the control groups of this process, and
// what its limits on address space and data leave. Unlike available_memory() it does not depend on what other
// programs use at the moment. No limit if none is known.
[[nodiscard]] MemoryLimit machine_memory(const std::string& root = {});

}  // namespace convoy
