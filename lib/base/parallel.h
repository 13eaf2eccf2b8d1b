// Work spread over threads whose output does not depend on how many there are.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace convoy {

// Threads to use where the user gave none: the processors this process may run on.
[[nodiscard]] int default_threads();

// consume(work(item)) for every item that produce() gives until it gives nothing, in the order of the items,
// with `work` on `threads` threads. produce runs on one thread at a time and never ahead by more than a few
// items a thread, consume on the calling thread. With one thread everything runs on the calling thread. The
// first exception of any of them ends the rest and is thrown here.
//
// produce: () -> std::optional<Item>.  work: (Item&&) -> Result, called concurrently.  consume: (Result&&) ->
// void.
template <typename Produce, typename Work, typename Consume>
void ordered_parallel_map(int threads, Produce&& produce, Work&& work, Consume&& consume) {
  using Item = typename std::decay_t<decltype(produce())>::value_type;
  using Result = std::decay_t<decltype(work(std::declval<Item&&>()))>;
  if (threads <= 1) {
    while (std::optional<Item> item = produce()) consume(work(std::move(*item)));
    return;
  }
  constexpr std::size_t kAhead = 4;
  struct Slot {
    std::optional<Result> result;
    bool done = false;
  };
  std::mutex mutex;          // guards everything below
  std::mutex produce_mutex;  // one producer at a time, and slots in the order of production
  std::condition_variable slot_done;
  std::condition_variable slot_free;
  std::deque<Slot> slots;  // results not yet consumed, in order; references stay valid at both ends' changes
  std::exception_ptr failure;
  bool stopping = false;
  bool exhausted = false;
  int running = threads;

  const auto fail = [&] {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::current_exception();
    stopping = true;
    slot_done.notify_all();
    slot_free.notify_all();
  };
  const auto worker = [&] {
    try {
      while (true) {
        std::optional<Item> item;
        Slot* slot = nullptr;
        {
          const std::lock_guard producing(produce_mutex);
          {
            std::unique_lock lock(mutex);
            slot_free.wait(
                lock, [&] { return stopping || slots.size() < kAhead * static_cast<std::size_t>(threads); });
            if (stopping || exhausted) break;
          }
          item = produce();
          const std::lock_guard lock(mutex);
          if (!item) {
            exhausted = true;
            break;
          }
          slot = &slots.emplace_back();
        }
        Result result = work(std::move(*item));
        const std::lock_guard lock(mutex);
        if (stopping) break;
        slot->result.emplace(std::move(result));
        slot->done = true;
        slot_done.notify_one();
      }
    } catch (...) {
      fail();
    }
    const std::lock_guard lock(mutex);
    --running;
    slot_done.notify_all();
  };

  std::vector<std::jthread> pool;
  pool.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) pool.emplace_back(worker);
  try {
    while (true) {
      std::unique_lock lock(mutex);
      slot_done.wait(lock, [&] {
        return stopping || (!slots.empty() && slots.front().done) || (slots.empty() && running == 0);
      });
      if (stopping || slots.empty()) break;
      Result result = std::move(*slots.front().result);
      slots.pop_front();
      slot_free.notify_one();
      lock.unlock();
      consume(std::move(result));
    }
  } catch (...) {
    fail();
  }
  pool.clear();
  if (failure) std::rethrow_exception(failure);
}

// body(begin, end) on consecutive parts of [0, count), one a thread. body must not throw.
template <typename Body>
void parallel_ranges(int threads, std::size_t count, Body&& body) {
  const std::size_t parts = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), 1,
                                                    std::max<std::size_t>(count, 1));
  std::vector<std::jthread> pool;
  for (std::size_t part = 1; part < parts; ++part) {
    pool.emplace_back(
        [&body, part, parts, count] { body(count * part / parts, count * (part + 1) / parts); });
  }
  body(std::size_t{0}, count / parts);
}

}  // namespace convoy
