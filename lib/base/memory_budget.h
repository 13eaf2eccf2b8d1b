// Memory that the items of an ordered_parallel_map share.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>

namespace convoy {

class MemoryBudget;

// The part of one item. Gives everything back at its end.
class MemoryShare {
 public:
  MemoryShare() = default;  // of no budget: any claim is granted
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  MemoryShare(MemoryShare&& other) noexcept;
  MemoryShare& operator=(MemoryShare&& other) noexcept;
  ~MemoryShare();

  // Claims what the item will need, at most MemoryBudget::most(): waits until the items before it have made
  // their claims, or ended without one, and there is room. Call once, before anything is allocated.
  void claim(std::uint64_t bytes);
  // Gives back all but `bytes` of the claim. There is none after it.
  void keep(std::uint64_t bytes);

 private:
  friend class MemoryBudget;
  MemoryShare(MemoryBudget& budget, std::uint64_t number) : budget_(&budget), number_(number) {}
  void give_back() noexcept;
  MemoryBudget* budget_ = nullptr;
  std::uint64_t number_ = 0;
  std::uint64_t bytes_ = 0;  // that count
};

// Claims are granted in the order of the items, and an item's claim is given back when its result has been
// used, which happens in that order too: whoever waits, waits for items before it, which have all they need,
// so that no number of threads and no sizes end in a deadlock. What an item may claim does not depend on the
// others. Thread-safe.
class MemoryBudget {
 public:
  // bytes: of all items together. items: the most that are under way at the same time.
  MemoryBudget(std::uint64_t bytes, std::size_t items);

  // The most that one item may claim.
  [[nodiscard]] std::uint64_t most() const { return most_; }
  // The most that is granted at once, and not counted: that of all items together is small.
  [[nodiscard]] std::uint64_t small() const { return small_; }
  // The part of the next item; call in the order of the items.
  [[nodiscard]] MemoryShare next();

 private:
  friend class MemoryShare;
  void claim(MemoryShare& share, std::uint64_t bytes);
  void keep(MemoryShare& share, std::uint64_t bytes);
  void end(MemoryShare& share) noexcept;
  std::uint64_t most_;
  std::uint64_t small_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t numbered_ = 0;
  std::set<std::uint64_t> unclaimed_;  // items without a claim so far
  std::uint64_t used_ = 0;
  bool counts_ = false;  // whether a claim has been counted
};

}  // namespace convoy
