// Work spread over threads, with output that does not depend on their number.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace convoy {

// Starts a thread that runs `body`. Throws SystemError if the system refuses, as under a limit on memory
// or processes.
[[nodiscard]] std::jthread start_thread(std::function<void()> body);

// Starts threads that run `body`: `threads` of them, or as many as `start` gives before it throws.
using StartThread = std::function<std::jthread(std::function<void()>)>;
[[nodiscard]] std::vector<std::jthread> start_threads(std::size_t threads, const std::function<void()>& body,
                                                      const StartThread& start);

// Throws Error unless the system gives so many threads at a time, the calling one among them. For a library
// that ends the process if it cannot start the threads that it was told to use, as libgomp does.
void check_threads(int threads, const StartThread& start = start_thread);

// Results of ordered_parallel_map that may wait for each thread.
inline constexpr std::size_t kAheadOfUse = 4;
// The most items of ordered_parallel_map that are under way at the same time: with results that wait or are
// being made, without, and the one in use.
[[nodiscard]] constexpr std::size_t items_under_way(int threads) {
  return threads <= 1 ? 1 : (kAheadOfUse + 1) * static_cast<std::size_t>(threads) + 1;
}

// Calls consume(work(item)) for every item that produce() returns, in the order of the items, until produce()
// returns nothing. `work` runs on `threads` threads, or on as many as the system gives; `consume` runs on the
// calling thread; `produce` runs on one thread at a time, and only a few items per thread ahead of `consume`.
// With one thread, everything runs on the calling thread. The first exception from any of them stops the
// others and is thrown here; results that wait are then destroyed.
//
// produce: () -> std::optional<Item>
// work: (Item&&) -> Result, called concurrently
// consume: (Result&&) -> void
// start: like start_thread
template <typename Produce, typename Work, typename Consume>
void ordered_parallel_map(int threads, Produce&& produce, Work&& work, Consume&& consume,
                          const StartThread& start = start_thread) {
  using Item = typename std::decay_t<decltype(produce())>::value_type;
  using Result = std::decay_t<decltype(work(std::declval<Item&&>()))>;
  const auto map_here = [&] {
    while (std::optional<Item> item = produce()) consume(work(std::move(*item)));
  };
  if (threads <= 1) {
    map_here();
    return;
  }
  struct Slot {
    std::optional<Result> result;
    bool done = false;
  };
  std::mutex mutex;          // guards everything below
  std::mutex produce_mutex;  // one producer at a time, so that slots are in the order of production
  std::condition_variable slot_done;
  std::condition_variable slot_free;
  std::deque<Slot> slots;  // results not yet consumed, in order; references survive changes at both ends
  std::exception_ptr failure;
  bool stopping = false;
  bool exhausted = false;
  std::size_t ended = 0;  // workers that have returned

  const auto fail = [&] {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::current_exception();
    stopping = true;
    slots.clear();  // nobody uses the results any more, and somebody may wait for the memory they hold
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
            slot_free.wait(lock, [&] {
              return stopping || slots.size() < kAheadOfUse * static_cast<std::size_t>(threads);
            });
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
    ++ended;
    slot_done.notify_all();
  };

  std::vector<std::jthread> pool = start_threads(static_cast<std::size_t>(threads), std::ref(worker), start);
  if (pool.empty()) {
    map_here();
    return;
  }
  try {
    while (true) {
      std::unique_lock lock(mutex);
      slot_done.wait(lock, [&] {
        return stopping || (!slots.empty() && slots.front().done) || (slots.empty() && ended == pool.size());
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

// Calls body(begin, end) on consecutive parts of [0, count), one per thread if the system gives that many.
// body must not throw. start: like start_thread.
template <typename Body>
void parallel_ranges(int threads, std::size_t count, Body&& body, const StartThread& start = start_thread) {
  const std::size_t parts = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(threads, 1)), 1,
                                                    std::max<std::size_t>(count, 1));
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t part = next++; part < parts; part = next++) {
      body(count * part / parts, count * (part + 1) / parts);
    }
  };
  const std::vector<std::jthread> pool = start_threads(parts - 1, std::ref(work), start);
  work();
}

}  // namespace convoy
