#include "lib/base/parallel.h"

#include <new>
#include <system_error>

#include "lib/base/error.h"

namespace convoy {

std::jthread start_thread(std::function<void()> body) {
  try {
    return std::jthread(std::move(body));
  } catch (const std::system_error& error) {
    throw Error("cannot start a thread (" + error.code().message() + "): try a smaller -j");
  }
}

std::vector<std::jthread> start_threads(std::size_t threads, const std::function<void()>& body,
                                        const StartThread& start) {
  std::vector<std::jthread> pool;
  pool.reserve(threads);
  try {
    while (pool.size() < threads) pool.push_back(start(body));
  } catch (const Error&) {
    // The threads that run are enough. Rethrowing would deadlock: it joins them here, and they wait until
    // their results are consumed.
  } catch (const std::bad_alloc&) {
  }
  return pool;
}

}  // namespace convoy
