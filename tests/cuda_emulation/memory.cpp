#include "tests/cuda_emulation/memory.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <shared_mutex>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace convoy::emulation {
namespace {

constexpr std::size_t kAlignment = 256;
constexpr std::size_t kTail = 256;  // guarded bytes past the end of an allocation
constexpr std::byte kTailPattern{0xA5};

class DeviceMemory {
 public:
  DeviceMemory() {
    const char* limit = std::getenv("CONVOY_EMULATION_MEMORY");
    if (limit != nullptr) total_ = std::strtoull(limit, nullptr, 10);
  }

  void* allocate(std::uint64_t bytes) {
    const std::unique_lock lock(mutex_);
    if (bytes > total_ - used_) return nullptr;
    const std::size_t size = (bytes + kTail + kAlignment - 1) / kAlignment * kAlignment;
    auto* data = static_cast<std::byte*>(std::aligned_alloc(kAlignment, size));
    if (data == nullptr) return nullptr;
    std::memset(data, kPoison, bytes);
    std::memset(data + bytes, static_cast<int>(kTailPattern), size - bytes);
    forbid(data + bytes, size - bytes);
    used_ += bytes;
    ++changes_;
    allocations_.emplace(data, bytes);
    return data;
  }

  void free(void* pointer) {
    if (pointer == nullptr) return;
    const std::unique_lock lock(mutex_);
    auto* data = static_cast<std::byte*>(pointer);
    const auto found = allocations_.find(data);
    if (found == allocations_.end()) broken("freed device memory that was not allocated");
    const std::uint64_t bytes = found->second;
    const std::size_t size = (bytes + kTail + kAlignment - 1) / kAlignment * kAlignment;
    allow(data + bytes, size - bytes);
    for (std::size_t i = bytes; i < size; ++i) {
      if (data[i] != kTailPattern) broken("a write behind the end of device memory");
    }
    used_ -= bytes;
    ++changes_;
    allocations_.erase(found);
    std::free(data);
  }

  bool contains(const void* at, std::uint64_t bytes) {
    // Kernels ask about the same few buffers again and again.
    struct Known {
      const std::byte* begin = nullptr;
      const std::byte* end = nullptr;
      std::uint64_t changes = 0;
    };
    thread_local std::array<Known, 4> known{};
    thread_local std::size_t next = 0;
    const auto* first = static_cast<const std::byte*>(at);
    const std::shared_lock lock(mutex_);
    for (const Known& one : known) {
      if (one.changes == changes_ && first >= one.begin && first + bytes <= one.end) return true;
    }
    auto after = allocations_.upper_bound(const_cast<std::byte*>(first));
    if (after == allocations_.begin()) return false;
    --after;
    Known& slot = known[next++ % known.size()];
    slot = {after->first, after->first + after->second, changes_};
    return first >= slot.begin && first + bytes <= slot.end;
  }

  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::uint64_t free_bytes() {
    const std::shared_lock lock(mutex_);
    return total_ - used_;
  }

 private:
  // Memory is freed in destructors, where throwing would be no clearer.
  [[noreturn]] static void broken(const char* what) {
    std::fprintf(stderr, "cuda emulation: %s\n", what);
    std::abort();
  }

  std::shared_mutex mutex_;
  std::map<std::byte*, std::uint64_t> allocations_;
  std::uint64_t total_ = std::uint64_t{8} << 30;
  std::uint64_t used_ = 0;
  std::uint64_t changes_ = 1;
};

// Never destroyed, because static objects of tests may free their buffers after its destructor would
// have run.
DeviceMemory& memory() {
  static auto* const one = new DeviceMemory;
  return *one;
}

}  // namespace

void* allocate_device(std::uint64_t bytes) { return memory().allocate(bytes); }
void free_device(void* data) { memory().free(data); }
std::uint64_t device_total_bytes() { return memory().total(); }
std::uint64_t device_free_bytes() { return memory().free_bytes(); }
bool is_device_memory(const void* at, std::uint64_t bytes) { return memory().contains(at, bytes); }

#if defined(__SANITIZE_ADDRESS__)
void forbid(const void* at, std::size_t bytes) { ASAN_POISON_MEMORY_REGION(at, bytes); }
void allow(const void* at, std::size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(at, bytes); }
#else
void forbid(const void* /*at*/, std::size_t /*bytes*/) {}
void allow(const void* /*at*/, std::size_t /*bytes*/) {}
#endif

}  // namespace convoy::emulation
