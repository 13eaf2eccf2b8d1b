#include "lib/base/temporaries.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstring>

namespace convoy {
namespace {

enum class Use { free, changing, kept };

struct Slot {
  std::atomic<Use> use = Use::free;
  std::array<char, PATH_MAX> path{};
};
static_assert(std::atomic<Use>::is_always_lock_free, "a signal handler reads it");

// Global, against the rule, and of a fixed size: a signal handler can reach nothing else, and must neither
// allocate nor wait for a lock.
std::array<Slot, 64> slots;

}  // namespace

void keep_temporary(const std::string& path) {
  if (path.size() >= PATH_MAX) return;
  for (Slot& slot : slots) {
    Use expected = Use::free;
    if (!slot.use.compare_exchange_strong(expected, Use::changing)) continue;
    std::memcpy(slot.path.data(), path.c_str(), path.size() + 1);
    slot.use = Use::kept;
    return;
  }
}

void forget_temporary(const std::string& path) {
  for (Slot& slot : slots) {
    if (slot.use != Use::kept || path != slot.path.data()) continue;
    slot.use = Use::free;
    return;
  }
}

void unlink_temporaries() noexcept {
  const int before = errno;
  for (const Slot& slot : slots) {
    if (slot.use == Use::kept) ::unlink(slot.path.data());
  }
  errno = before;
}

}  // namespace convoy
