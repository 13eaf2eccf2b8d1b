// The shared memory of emulated blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "tests/cuda_emulation/pages.h"
#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {

// The shared memory of the blocks that one host thread runs, with a guard zone before and behind
// every object.
class SharedMemory {
 public:
  // Makes room for the block's dynamic shared memory, poisoned; its static objects are added later.
  void prepare(Block& block);
  // Adds a static object of the block, poisoned. Reports a fault if a GPU would have no room for it.
  std::byte* add_static(Block& block, std::size_t bytes, std::size_t alignment);
  // Whether nothing but the objects has been written.
  [[nodiscard]] bool guards_intact() const;

 private:
  void add_guard(std::byte* at);

  static constexpr std::size_t kGuardBytes = 1024;
  static constexpr std::size_t kMaxStaticBytes = 48 * 1024;  // ptxas allows no more
  static constexpr std::size_t kStaticBytes = 64 * 1024;     // including the guards
  static constexpr std::size_t kBytes = (kStaticBytes + kMaxSharedBytes + kGuardBytes) / 4096 * 4096 + 8192;
  Pages pages_{kBytes};
  std::vector<std::byte*> guards_;
  std::size_t static_bytes_ = 0;  // in the block's static objects
};

}  // namespace convoy::emulation
