// Shared memory of emulated blocks.
#pragma once

#include <cstddef>
#include <vector>

#include "tests/cuda_emulation/pages.h"
#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {

// That of the blocks of one host thread, with a guarded zone before and behind every object.
class SharedMemory {
 public:
  // Makes room for the block's dynamic shared memory, poisoned; its static objects come later.
  void prepare(Block& block);
  // A static object of the block, poisoned. Reports a fault where a GPU has no room for it.
  std::byte* add_static(Block& block, std::size_t bytes, std::size_t alignment);
  // Whether nothing but the objects was written.
  [[nodiscard]] bool guards_whole() const;

 private:
  void add_guard(std::byte* at);

  static constexpr std::size_t kGuardBytes = 1024;
  static constexpr std::size_t kMaxStaticBytes = 48 * 1024;  // ptxas takes no more
  static constexpr std::size_t kStaticBytes = 64 * 1024;     // with what guards them
  static constexpr std::size_t kBytes = (kStaticBytes + kMaxSharedBytes + kGuardBytes) / 4096 * 4096 + 8192;
  Pages pages_{kBytes};
  std::vector<std::byte*> guards_;
  std::size_t static_bytes_ = 0;  // of the block's static objects
};

}  // namespace convoy::emulation
