// How much memory this process can have, and may ask for.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

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

// Throws Error(place, ...) if `what`, such as "the sums of 100x100 images", needs more than the limit:
// "PLACE: WHAT need 5.0 GiB of memory, the limit is 4.0 GiB (--max-memory): --max-memory=5121M would allow
// it".
void require_memory(std::uint64_t bytes, const MemoryLimit& limit, std::string_view place,
                    std::string_view what);

// The most threads, up to `threads`, that fit if each takes `each` bytes and all share `fixed`. Throws as
// require_memory() if one alone is too many.
[[nodiscard]] int threads_that_fit(int threads, std::uint64_t fixed, std::uint64_t each,
                                   const MemoryLimit& limit, std::string_view place, std::string_view what);

// What the machine has: the least of its whole memory, the limits of the control groups of this process, and
// what its limits on address space and data leave. Unlike available_memory() it does not depend on what other
// programs use at the moment. No limit if none is known.
[[nodiscard]] MemoryLimit machine_memory(const std::string& root = {});

}  // namespace convoy
