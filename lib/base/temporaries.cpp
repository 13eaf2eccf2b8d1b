#include "lib/base/temporaries.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace convoy {
namespace {

enum class Use { free, changing, kept };

struct Slot {
  std::atomic<Use> use = Use::free;
  std::array<char, PATH_MAX> path{};
};
static_assert(std::atomic<Use>::is_always_lock_free, "a signal handler reads it");

// Global, against the rule, and of a fixed size: a signal handler can use nothing else, and must neither
// allocate nor wait for a lock.
std::array<Slot, 64> slots;

// Takes a free slot, or returns nullptr.
Slot* take_slot() {
  for (Slot& slot : slots) {
    Use expected = Use::free;
    if (slot.use.compare_exchange_strong(expected, Use::changing)) return &slot;
  }
  return nullptr;
}

}  // namespace

int create_temporary(std::string& pattern) {
  const HeldSignals held;  // so that no handler waits here for a slot that this thread is changing
  Slot* const slot = pattern.size() < PATH_MAX ? take_slot() : nullptr;
  const int fd = ::mkostemp(pattern.data(), O_CLOEXEC);
  if (slot == nullptr) return fd;
  if (fd >= 0) std::memcpy(slot->path.data(), pattern.c_str(), pattern.size() + 1);
  slot->use = fd >= 0 ? Use::kept : Use::free;
  return fd;
}

void keep_temporary(const std::string& path) {
  const HeldSignals held;
  Slot* const slot = path.size() < PATH_MAX ? take_slot() : nullptr;
  if (slot == nullptr) return;
  std::memcpy(slot->path.data(), path.c_str(), path.size() + 1);
  slot->use = Use::kept;
}

bool is_kept_temporary(const std::string& path) {
  return std::ranges::any_of(
      slots, [&](const Slot& slot) { return slot.use == Use::kept && path == slot.path.data(); });
}

void forget_temporary(const std::string& path) {
  for (Slot& slot : slots) {
    if (slot.use != Use::kept || path != slot.path.data()) continue;
    slot.use = Use::free;
    return;
  }
}

std::vector<std::string> kept_temporaries() {
  std::vector<std::string> names;
  for (const Slot& slot : slots) {
    if (slot.use == Use::kept) names.emplace_back(slot.path.data());
  }
  return names;
}

void unlink_temporaries() noexcept {
  const int before = errno;
  for (const Slot& slot : slots) {
    while (slot.use == Use::changing) ::poll(nullptr, 0, 1);
    if (slot.use == Use::kept) ::unlink(slot.path.data());
  }
  errno = before;
}

HeldSignals::HeldSignals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before_);
}

HeldSignals::~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

}  // namespace convoy
