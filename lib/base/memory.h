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
  bool of_machine = false;     // the machine sets it, not the user: elsewhere it is another
  bool address_space = false;  // ulimit -v or -d: it counts stacks of threads, and what is only reserved
  // "4.0 GiB (--max-memory)".
  [[nodiscard]] std::string text() const;
};

// Throws what a need beyond the limit is: Error(place, reason) if the user has set the limit, and so decided
// what is left out; SystemError if the machine sets it, since no result may depend on the machine.
[[noreturn]] void refuse_memory(const MemoryLimit& limit, std::string_view place, std::string_view reason);

// "--max-memory=5121M would allow it" of a limit of so many bytes.
[[nodiscard]] std::string max_memory_that_allows(std::uint64_t bytes);

// Throws as refuse_memory() if `what`, such as "the sums of 100x100 images", needs more than the limit:
// "PLACE: WHAT need 5.0 GiB of memory, the limit is 4.0 GiB (--max-memory): --max-memory=5121M would allow
// it".
void require_memory(std::uint64_t bytes, const MemoryLimit& limit, std::string_view place,
                    std::string_view what);

// Throws as refuse_memory() about a text of lines whose end is not known, of which `read` bytes need more
// than the limit.
[[noreturn]] void refuse_lines_so_far(std::uint64_t read, std::uint64_t need, const MemoryLimit& limit,
                                      std::string_view place, bool of_pipe);

// The most threads, up to `threads`, that fit if each takes `each` bytes and all share `fixed`. Throws as
// require_memory() if one alone is too many.
[[nodiscard]] int threads_that_fit(int threads, std::uint64_t fixed, std::uint64_t each,
                                   const MemoryLimit& limit, std::string_view place, std::string_view what);

// What the machine has: the least of its whole memory, the limits of the control groups of this process, and
// what its limits on address space and data leave. Unlike available_memory() it does not depend on what other
// programs use at the moment. No limit if none is known.
[[nodiscard]] MemoryLimit machine_memory(const std::string& root = {});

// What such a limit leaves to data if so many threads are to run beside the calling one, and the program
// itself takes `program` bytes. The same limit if it does not count these.
[[nodiscard]] MemoryLimit beside_threads(MemoryLimit limit, std::uint64_t threads, std::uint64_t program);

// If a limit on address space or data is set, makes the allocator spare both. By default it reserves 64 MiB
// of addresses for each thread, and keeps what is freed. Call before threads are started.
void spare_limited_memory();

}  // namespace convoy
