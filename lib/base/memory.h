// How much memory this process can have.
#pragma once

#include <cstdint>
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

}  // namespace convoy
