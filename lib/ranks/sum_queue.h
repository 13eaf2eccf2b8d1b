// Sums over all ranks that go on while the caller computes.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "lib/ranks/ranks.h"

namespace convoy {

// Sums one after another, on a thread of its own, in the order in which they were started, which must be the
// same on all ranks. While a sum is under way, no other function of the ranks may be called.
class SumQueue {
 public:
  // `ranks` must outlive this.
  explicit SumQueue(Ranks& ranks);
  SumQueue(const SumQueue&) = delete;
  SumQueue& operator=(const SumQueue&) = delete;
  SumQueue(SumQueue&&) = delete;
  SumQueue& operator=(SumQueue&&) = delete;
  // Drops what has not begun.
  ~SumQueue();

  // Begins to replace the values by their sums. They must stay where they are until their finish() returns.
  void start(std::span<float> values);
  // Waits for the oldest sum that was not yet waited for. Throws what prevents it.
  void finish();

 private:
  void work();

  Ranks& ranks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::span<float>> waiting_;
  std::uint64_t done_ = 0;      // sums that are complete
  std::uint64_t finished_ = 0;  // finish() has returned for them
  std::exception_ptr failure_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace convoy
