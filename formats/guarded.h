// Calls of C libraries that report an error by longjmp.
#pragma once

#include <csetjmp>

namespace convoy {

// Runs `step`, which calls a library whose error handler jumps to `escape`, and returns whether it ran to its
// end. A longjmp runs no destructors, so `step` must own nothing that has one. Never inlined, so that no
// variable of the caller lives in a register across setjmp.
template <typename Step>
[[gnu::noinline]] bool guarded(std::jmp_buf& escape, Step&& step) {
  if (setjmp(escape) != 0) return false;  // NOLINT(cert-err52-cpp)
  step();
  return true;
}

}  // namespace convoy
