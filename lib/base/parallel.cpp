#include "lib/base/parallel.h"

#include <algorithm>
#include <latch>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

#include "lib/base/error.h"
#include "lib/base/signals.h"

namespace convoy {

std::jthread start_thread(std::function<void()> body) {
  try {
    return std::jthread([body = std::move(body)] {
      const SignalStack stack;
      body();
    });
  } catch (const std::system_error& error) {
    throw SystemError("cannot start a thread", error.code().message() + ": try a smaller -j");
  }
}

std::vector<std::jthread> start_threads(std::size_t threads, const std::function<void()>& body,
                                        const StartThread& start) {
  std::vector<std::jthread> pool;
  pool.reserve(threads);
  try {
    while (pool.size() < threads) pool.push_back(start(body));
  } catch (const SystemError&) {
    // The threads that run are enough. Rethrowing would deadlock: it joins them here, and they wait until
    // their results are consumed.
  } catch (const std::bad_alloc&) {
  }
  return pool;
}

void check_threads(int threads, const StartThread& start) {
  const auto others = static_cast<std::size_t>(std::max(threads - 1, 0));
  std::latch done(1);
  const auto release = [](std::latch* latch) { latch->count_down(); };
  std::vector<std::jthread> pool;  // joined after they are released
  const std::unique_ptr<std::latch, decltype(release)> at_end(&done, release);
  while (pool.size() < others) pool.push_back(start([&done] { done.wait(); }));
}

}  // namespace convoy
