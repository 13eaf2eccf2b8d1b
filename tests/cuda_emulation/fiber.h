// A CUDA thread: a stack of its own, on which the kernel runs until it waits for other threads.
#pragma once

#include <cstddef>
#include <functional>

#include "tests/cuda_emulation/pages.h"
#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {

// Tells AddressSanitizer that execution moves to another stack.
class StackSwitch {
 public:
  // Call before moving to the stack at `to_bottom`.
  void leave(const void* to_bottom, std::size_t to_bytes);
  // Call after moving back. The pointers, if given, get the stack that execution came from.
  void arrive(const void** from_bottom = nullptr, std::size_t* from_bytes = nullptr);

 private:
  [[maybe_unused]] void* saved_ = nullptr;
};

class Fiber {
 public:
  Thread thread;
  const std::function<void()>* kernel = nullptr;  // what resume() runs; from its start if it was dropped

  // Runs the kernel until it returns to the scheduler. Must be called on the scheduler's stack.
  void resume(StackSwitch& on_scheduler);
  // Suspends the kernel; the next resume() continues it. Must be called on the fiber's stack.
  void back_to_scheduler();
  // Abandons this run of the kernel, wherever it is; the next run begins on a fresh stack.
  void drop() { started_ = false; }

 private:
  struct Entry;  // knows the type that a context is entered with

#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t kStackBytes = 256 * 1024;
#else
  static constexpr std::size_t kStackBytes = 64 * 1024;
#endif
  Pages stack_{kStackBytes};
  StackSwitch on_fiber_;
  const void* scheduler_bottom_ = nullptr;
  std::size_t scheduler_bytes_ = 0;
  bool started_ = false;
};

}  // namespace convoy::emulation
