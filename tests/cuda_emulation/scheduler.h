// Runs the threads of emulated CUDA kernels: every thread is a fiber, every block runs on one of the host's
// threads. README.md in this folder says what is checked. Kernels do not use this header; the emulated
// <cuda_runtime.h> and ptx.cuh do.
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
inline constexpr std::size_t kMaxSharedBytes = 227 * 1024;  // per block on sm_90
inline constexpr unsigned kMaxBlockThreads = 1024;

// A kernel broke a rule of the device. what() gives the kernel's launch, block, thread, reason and seed.
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

// The source location of a call: a std::source_location that clang-tidy 14 understands.
struct CallSite {
  const char* file = "";
  unsigned line = 0;
  const char* function = "";
  // The location of the caller, if used as a default argument.
  static constexpr CallSite current(const char* of_file = __builtin_FILE(),
                                    unsigned of_line = __builtin_LINE(),
                                    const char* of_function = __builtin_FUNCTION()) {
    return {of_file, of_line, of_function};
  }
};

struct LaunchShape {
  Index3 grid;
  Index3 block;
  std::size_t shared_bytes = 0;
  CallSite where;  // of the call of launch()
};

// The arguments of a warp collective, by lane.
using LaneArguments = std::array<void*, kWarpSize>;

// What a thread waits for.
struct Meeting {
  const char* what = nullptr;  // "__shfl_xor_sync"
  CallSite where;
  void* arguments = nullptr;                        // on the waiting thread's stack
  void (*execute)(const LaneArguments&) = nullptr;  // null: the whole block meets
};

// An asynchronous copy that has been issued but not waited for.
struct PendingCopy {
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  unsigned bytes = 0;       // to be written
  unsigned from_bytes = 0;  // to be read; the rest is zeroed
};

// An emulated CUDA thread.
struct Thread {
  enum class State { runnable, in_warp, in_block, done, failed };
  Index3 index;
  unsigned linear = 0;
  State state = State::runnable;
  Meeting meeting;
  std::string failure;
  std::vector<PendingCopy> copies;       // in the order of issue
  std::vector<std::size_t> copy_groups;  // sizes of the committed groups, oldest first
  std::size_t uncommitted = 0;           // copies at the end of `copies` that are in no group yet
  void* fiber = nullptr;                 // the fiber that it runs on
  void* context = nullptr;               // where it continues
  void* scheduler = nullptr;             // where it returns to
  [[nodiscard]] unsigned lane() const { return linear % kWarpSize; }
};

struct Block {
  const LaunchShape* shape = nullptr;
  Index3 index;
  Thread* running = nullptr;
  std::byte* shared_begin = nullptr;  // dynamic shared memory
  std::byte* shared_end = nullptr;
  std::byte* static_begin = nullptr;  // static shared memory: the objects used so far
  std::byte* static_end = nullptr;
  std::vector<std::pair<const void*, std::byte*>> static_objects;
};

// The block that runs on this host thread; null outside of kernels.
extern constinit thread_local Block* current_block;

// Reports a fault of the running thread: throws, and the launch fails with a Fault.
[[noreturn]] void fault(std::string_view reason);
// Waits until all lanes of the warp, or all threads of the block, have reached the same call.
void meet(const Meeting& meeting);

// The running thread's part of the collective `what`. `Arguments` holds what each lane gives and gets.
template <typename Arguments, void (*kCompute)(const std::array<Arguments*, kWarpSize>&)>
void warp_collective(const char* what, const CallSite& where, Arguments& arguments) {
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
void block_barrier(const char* what, const CallSite& where);

// The running block's static shared memory for the object that `key` identifies.
[[nodiscard]] void* static_shared(const void* key, std::size_t bytes, std::size_t alignment);

// Fault if [at, at + bytes) is not aligned to `bytes` (a power of two), is outside of the block's shared
// memory, or is outside of all device allocations.
void check_aligned(const void* at, std::size_t bytes, std::string_view what);
void check_shared(const void* at, std::size_t bytes, std::string_view what);
void check_global(const void* at, std::size_t bytes, std::string_view what);
void check_addressable(const void* at, std::size_t bytes, std::string_view what);  // either of the two

// cp.async of the running thread. The destination is poisoned until its group has been waited for.
void issue_copy(void* to, const void* from, unsigned bytes, unsigned from_bytes);
void commit_copies();
void wait_copies(unsigned groups_left);

// Runs `kernel` for every thread of the grid, with the blocks spread over the host's processors.
// Throws Fault.
void run_grid(const LaunchShape& shape, const std::function<void()>& kernel);

// The seed for the order of blocks, warps and lanes: CONVOY_EMULATION_SEED, or 1. The number of the launch
// also counts, so that equal launches run in different orders.
[[nodiscard]] std::uint64_t schedule_seed();
void set_schedule_seed(std::uint64_t seed);

}  // namespace convoy::emulation
