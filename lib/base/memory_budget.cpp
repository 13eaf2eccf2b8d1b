#include "lib/base/memory_budget.h"

#include <malloc.h>

#include <algorithm>
#include <utility>

namespace convoy {
namespace {

// This part of a budget is for claims that are not counted.
constexpr std::uint64_t kUncountedPart = 8;

// From now on, large buffers go back to the system as soon as they are freed. By default the allocator keeps
// what a thread frees for this thread, up to 64 MiB for each; that is faster, but where memory is short,
// other threads need it.
void free_large_buffers_at_once() {
  constexpr int kLarge = 1 << 20;
  (void)::mallopt(M_MMAP_THRESHOLD, kLarge);
}

}  // namespace

MemoryShare::MemoryShare(MemoryShare&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), number_(other.number_), bytes_(other.bytes_) {}

MemoryShare& MemoryShare::operator=(MemoryShare&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  budget_ = std::exchange(other.budget_, nullptr);
  number_ = other.number_;
  bytes_ = other.bytes_;
  return *this;
}

MemoryShare::~MemoryShare() { give_back(); }

void MemoryShare::give_back() noexcept {
  if (budget_ != nullptr) budget_->end(*this);
  budget_ = nullptr;
}

void MemoryShare::claim(std::uint64_t bytes) {
  if (budget_ != nullptr) budget_->claim(*this, bytes);
}

void MemoryShare::keep(std::uint64_t bytes) {
  if (budget_ != nullptr) budget_->keep(*this, bytes);
}

MemoryBudget::MemoryBudget(std::uint64_t bytes, std::size_t items)
    : most_(bytes - bytes / kUncountedPart),
      small_(bytes / kUncountedPart / std::max<std::size_t>(items, 1)) {}

MemoryShare MemoryBudget::next() {
  const std::lock_guard lock(mutex_);
  unclaimed_.insert(unclaimed_.end(), numbered_);
  return {*this, numbered_++};
}

void MemoryBudget::claim(MemoryShare& share, std::uint64_t bytes) {
  std::unique_lock lock(mutex_);
  if (bytes > small_) {
    const std::uint64_t counted = std::min(bytes, most_);
    changed_.wait(lock, [&] { return *unclaimed_.begin() >= share.number_ && counted <= most_ - used_; });
    if (!std::exchange(counts_, true)) free_large_buffers_at_once();
    used_ += counted;
    share.bytes_ = counted;
  }
  unclaimed_.erase(share.number_);
  changed_.notify_all();
}

void MemoryBudget::keep(MemoryShare& share, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  unclaimed_.erase(share.number_);
  if (bytes < share.bytes_) {
    used_ -= share.bytes_ - bytes;
    share.bytes_ = bytes;
  }
  changed_.notify_all();
}

void MemoryBudget::end(MemoryShare& share) noexcept {
  const std::lock_guard lock(mutex_);
  used_ -= share.bytes_;
  unclaimed_.erase(share.number_);
  changed_.notify_all();
}

}  // namespace convoy
