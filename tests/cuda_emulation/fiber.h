// A CUDA thread: a stack of its own on which the kernel runs until it waits for others.
#pragma once

#include <cstddef>
#include <functional>

#include "tests/cuda_emulation/pages.h"
#include "tests/cuda_emulation/scheduler.h"

namespace convoy::emulation {

// Tells AddressSanitizer of a change of stacks.
class StackSwitch {
 public:
  // Before the change to the stack at `to_bottom`.
  void leave(const void* to_bottom, std::size_t to_bytes);
  // Behind the change back; where pointers are given they get the stack that it came from.
  void arrive(const void** from_bottom = nullptr, std::size_t* from_bytes = nullptr);

 private:
  [[maybe_unused]] void* saved_ = nullptr;
};

class Fiber {
 public:
  Thread thread;
  const std::function<void()>* kernel = nullptr;  // what resume() runs from its start where it was dropped

  // Runs the kernel until it goes back to the scheduler, whose stack this is called on.
  void resume(StackSwitch& on_scheduler);
  // The kernel goes on where resume() is called next. Called on the fiber's stack.
  void back_to_scheduler();
  // The kernel's run is given up, wherever it stands: the next one begins on a fresh stack.
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
