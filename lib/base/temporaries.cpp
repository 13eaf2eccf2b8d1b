#include "lib/base/temporaries.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace convoy {
namespace {

enum class Use { free, changing, kept };

// A recorded name, as a signal handler reads it.
struct Slot {
  std::atomic<Use> use = Use::free;
  std::atomic<const char*> path = nullptr;
  pid_t owner = 0;  // a child of fork() has its parent's names, but not its files
};
static_assert(std::atomic<Use>::is_always_lock_free && std::atomic<const char*>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "a signal handler reads them");

struct Block {
  std::array<Slot, 64> slots;
  Block* next = nullptr;
};

// Global, against the rule: a signal handler can reach nothing else, and must neither allocate nor wait for a
// lock. Blocks are never freed.
std::atomic<Block*> blocks = nullptr;
std::atomic<bool> ending = false;  // unlink_temporaries() has begun

// A slot, and the memory of its name.
struct Place {
  Slot* slot = nullptr;
  std::unique_ptr<char[]> text;
  std::size_t size = 0;

  void set(const std::string& path) {
    std::memcpy(text.get(), path.c_str(), path.size() + 1);
    slot->path = text.get();
    slot->owner = ::getpid();
  }
};

// Marks the slot as one that unlink_temporaries() waits for. If that has begun, it may have passed the slot:
// then this removes `made`, if it is a file, and waits for the end of the process.
void begin_change(Slot& slot, const char* made) {
  slot.use = Use::changing;
  if (!ending) return;
  if (made != nullptr) ::unlink(made);
  slot.use = Use::free;
  while (true) ::pause();
}

// What no handler reads. Never destroyed: files are also removed after main().
struct Registry {
  std::mutex mutex;
  std::vector<Place> free;
  std::size_t places = 0;
  std::multimap<std::string, Place> kept;         // by name; while a file is created, by its pattern
  std::vector<std::unique_ptr<char[]>> outgrown;  // memory of names that a handler may still be reading
};

Registry& registry() {
  static auto* const made = new Registry;
  return *made;
}

void add_block(Registry& all) {
  auto block = std::make_unique<Block>();
  // So that neither this nor forget_temporary() allocates.
  all.free.reserve(all.places + block->slots.size());
  all.places += block->slots.size();
  for (Slot& slot : block->slots) all.free.push_back({.slot = &slot, .text = nullptr, .size = 0});
  block->next = blocks.load();
  blocks = block.release();
}

// Makes room for a name of so many bytes.
void reserve(Registry& all, Place& place, std::size_t bytes) {
  if (bytes <= place.size) return;
  const std::size_t enough = std::max(bytes, 2 * place.size);  // so that what is outgrown stays small
  auto larger = std::make_unique<char[]>(enough);
  all.outgrown.push_back(nullptr);
  all.outgrown.back() = std::exchange(place.text, std::move(larger));
  place.size = enough;
}

using Entry = decltype(Registry::kept)::iterator;

// An entry with a free slot and room for the name. Everything that can fail is done here.
Entry take_entry(Registry& all, const std::string& name) {
  const std::lock_guard lock(all.mutex);
  if (all.free.empty()) add_block(all);
  reserve(all, all.free.back(), name.size() + 1);
  const Entry entry = all.kept.emplace(name, Place());
  entry->second = std::move(all.free.back());
  all.free.pop_back();
  return entry;
}

void drop(Registry& all, Entry entry) {
  all.free.push_back(std::move(entry->second));
  all.kept.erase(entry);
}

}  // namespace

int create_temporary(std::string& pattern) {
  const HeldSignals held;  // so that no handler waits here for a slot that this thread is changing
  Registry& all = registry();
  Entry entry = take_entry(all, pattern);
  Slot& slot = *entry->second.slot;
  begin_change(slot, nullptr);
  const int fd = ::mkostemp(pattern.data(), O_CLOEXEC);
  const int failure = errno;
  if (fd >= 0) entry->second.set(pattern);
  slot.use = fd >= 0 ? Use::kept : Use::free;
  const std::lock_guard lock(all.mutex);
  if (fd >= 0) {
    auto node = all.kept.extract(entry);
    node.key().assign(pattern);  // as long as the pattern was
    all.kept.insert(std::move(node));
  } else {
    drop(all, entry);
  }
  errno = failure;
  return fd;
}

void keep_temporary(const std::string& path) {
  const HeldSignals held;
  Place& place = take_entry(registry(), path)->second;
  begin_change(*place.slot, path.c_str());
  place.set(path);
  place.slot->use = Use::kept;
}

bool is_kept_temporary(const std::string& path) {
  const HeldSignals held;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  return all.kept.contains(path);
}

void forget_temporary(const std::string& path) noexcept {
  const HeldSignals held;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const Entry entry = all.kept.find(path);
  if (entry == all.kept.end()) return;
  entry->second.slot->use = Use::free;
  drop(all, entry);
}

std::vector<std::string> kept_temporaries() {
  const HeldSignals held;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::vector<std::string> names;
  for (const auto& [name, place] : all.kept) {
    if (place.slot->use == Use::kept) names.push_back(name);
  }
  return names;
}

void unlink_temporaries() noexcept {
  constexpr int kMostWaits = 1000;  // of 1 ms: a thread that a fault ended never finishes its change
  const int before = errno;
  const pid_t self = ::getpid();
  int waits = 0;
  ending = true;
  for (const Block* block = blocks; block != nullptr; block = block->next) {
    for (const Slot& slot : block->slots) {
      while (slot.use == Use::changing && waits++ < kMostWaits) ::poll(nullptr, 0, 1);
      if (slot.use == Use::kept && slot.owner == self) ::unlink(slot.path);
    }
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
