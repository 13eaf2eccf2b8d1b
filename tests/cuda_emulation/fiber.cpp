#include "tests/cuda_emulation/fiber.h"

#include <boost/context/detail/fcontext.hpp>
#include <exception>

#include "tests/cuda_emulation/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace convoy::emulation {

namespace context = boost::context::detail;

#if defined(__SANITIZE_ADDRESS__)
void StackSwitch::leave(const void* to_bottom, std::size_t to_bytes) {
  __sanitizer_start_switch_fiber(&saved_, to_bottom, to_bytes);
}
void StackSwitch::arrive(const void** from_bottom, std::size_t* from_bytes) {
  __sanitizer_finish_switch_fiber(saved_, from_bottom, from_bytes);
}
#else
void StackSwitch::leave(const void* /*to_bottom*/, std::size_t /*to_bytes*/) {}
void StackSwitch::arrive(const void** /*from_bottom*/, std::size_t* /*from_bytes*/) {}
#endif

struct Fiber::Entry {
  static void run(context::transfer_t from) {
    auto& fiber = *static_cast<Fiber*>(from.data);
    fiber.on_fiber_.arrive(&fiber.scheduler_bottom_, &fiber.scheduler_bytes_);
    fiber.thread.scheduler = from.fctx;
    while (true) {
      try {
        (*fiber.kernel)();
        if (!fiber.thread.copies.empty()) fault("the thread ends with cp.async that it never waited for");
        fiber.thread.state = Thread::State::done;
      } catch (const std::exception& error) {
        fiber.thread.failure = error.what();
        fiber.thread.state = Thread::State::failed;
      }
      fiber.back_to_scheduler();
    }
  }
};

void Fiber::back_to_scheduler() {
  on_fiber_.leave(scheduler_bottom_, scheduler_bytes_);
  const context::transfer_t from = context::jump_fcontext(thread.scheduler, nullptr);
  on_fiber_.arrive(&scheduler_bottom_, &scheduler_bytes_);
  thread.scheduler = from.fctx;
}

void Fiber::resume(StackSwitch& on_scheduler) {
  const auto bytes = static_cast<std::size_t>(stack_.end() - stack_.begin());
  if (!started_) {
    allow(stack_.begin(), bytes);  // an abandoned run may have left it forbidden
    on_fiber_ = {};
    thread.context = context::make_fcontext(stack_.end(), bytes, &Entry::run);
    started_ = true;
  }
  on_scheduler.leave(stack_.begin(), bytes);
  const context::transfer_t from = context::jump_fcontext(thread.context, this);
  on_scheduler.arrive();
  thread.context = from.fctx;
}

}  // namespace convoy::emulation
