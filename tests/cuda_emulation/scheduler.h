// Runs the threads of emulated CUDA kernels: every thread a fiber, every block on one of the host's threads.
// README.md beside this says what is checked. Kernels do not use this header; the emulated <cuda_runtime.h>
// and ptx.cuh do.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/error.h"

namespace convoy::emulation {

inline constexpr unsigned kWarpSize = 32;
inline constexpr std::size_t kMaxSharedBytes = 227 * 1024;  // of a block on sm_90
inline constexpr unsigned kMaxBlockThreads = 1024;

// A kernel broke a rule of the device. what() has the kernel's launch, block, thread, reason and seed.
class Fault : public Error {
 public:
  explicit Fault(const std::string& message) : Error(message) {}
};

struct Index3 {
  unsigned x = 0;
  unsigned y = 0;
  unsigned z = 0;
  [[nodiscard]] std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

// Where in the source a call stands. (std::source_location, but for clang-tidy 14, which does not know it.)
struct Place {
  const char* file = "";
  unsigned line = 0;
  const char* function = "";
  // As a default argument: the place of the call.
  static constexpr Place here(const char* of_file = __builtin_FILE(), unsigned of_line = __builtin_LINE(),
                              const char* of_function = __builtin_FUNCTION()) {
    return {of_file, of_line, of_function};
  }
};

struct LaunchShape {
  Index3 grid;
  Index3 block;
  std::size_t shared_bytes = 0;
  Place where;  // of the call of launch()
};

// The lanes' arguments of a warp collective, by lane.
using LaneArguments = std::array<void*, kWarpSize>;

// What a thread waits for.
struct Meeting {
  const char* what = nullptr;  // "__shfl_xor_sync"
  Place where;
  void* arguments = nullptr;                        // on the waiting thread's stack
  void (*execute)(const LaneArguments&) = nullptr;  // null: the whole block meets
};

// One asynchronous copy that was issued and not waited for yet.
struct PendingCopy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  unsigned bytes = 0;       // written
  unsigned from_bytes = 0;  // of these read, the rest zero
};

// An emulated CUDA thread, as the kernel's side sees it.
struct Thread {
  enum class State { runnable, in_warp, in_block, done, failed };
  Index3 index;
  unsigned linear = 0;
  State state = State::runnable;
  Meeting meeting;
  std::string failure;
  std::vector<PendingCopy> copies;       // in order of issue
  std::vector<std::size_t> copy_groups;  // sizes of the committed groups, oldest first
  std::size_t uncommitted = 0;           // copies at the end of `copies` that no group has yet
  void* fiber = nullptr;                 // the fiber it runs on
  void* context = nullptr;               // where to go on
  void* scheduler = nullptr;             // where to go back to
  [[nodiscard]] unsigned lane() const { return linear % kWarpSize; }
};

struct Block {
  const LaunchShape* shape = nullptr;
  Index3 index;
  Thread* running = nullptr;
  std::byte* shared_begin = nullptr;  // dynamic shared memory
  std::byte* shared_end = nullptr;
  std::byte* static_begin = nullptr;  // static shared memory, a place for each object used so far
  std::byte* static_end = nullptr;
  std::vector<std::pair<const void*, std::byte*>> static_objects;
};

// The block that runs on this host thread; null outside of kernels.
extern constinit thread_local Block* current_block;

// Reports the running thread's fault: throws, and the launch fails with a Fault.
[[noreturn]] void fault(std::string_view reason);
// Waits until all lanes of the warp, or all threads of the block, have come to the same place.
void meet(const Meeting& meeting);

// The running thread's part of the collective `what`: `Arguments` has what each lane gives and gets.
template <typename Arguments, void (*kCompute)(const std::array<Arguments*, kWarpSize>&)>
void warp_collective(const char* what, const Place& where, Arguments& arguments) {
  Meeting meeting;
  meeting.what = what;
  meeting.where = where;
  meeting.arguments = &arguments;
  meeting.execute = [](const LaneArguments& lanes) {
    std::array<Arguments*, kWarpSize> typed{};
    for (unsigned lane = 0; lane < kWarpSize; ++lane) typed[lane] = static_cast<Arguments*>(lanes[lane]);
    kCompute(typed);
  };
  meet(meeting);
}
void block_barrier(const char* what, const Place& where);

// Static shared memory of the running block for the object that `key` stands for.
[[nodiscard]] void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);

// Faults where [at, at + bytes) is not aligned to `bytes` (a power of two), or not in the block's shared
// memory, or not in a device allocation.
void check_aligned(const void* at, std::size_t bytes, std::string_view what);
void check_shared(const void* at, std::size_t bytes, std::string_view what);
void check_global(const void* at, std::size_t bytes, std::string_view what);

// cp.async of the running thread. The destination is poison until the group was waited for.
void issue_copy(void* to, const void* from, unsigned bytes, unsigned from_bytes);
void commit_copies();
void wait_copies(unsigned groups_left);

// Runs `kernel` for every thread of the grid, blocks spread over the host's processors. Throws Fault.
void run_grid(const LaunchShape& shape, const std::function<void()>& kernel);

// Seed of the order of blocks, warps and lanes: CONVOY_EMULATION_SEED, or 1. A launch also counts, so that
// equal launches run in different orders.
[[nodiscard]] std::uint64_t schedule_seed();
void set_schedule_seed(std::uint64_t seed);

}  // namespace convoy::emulation
