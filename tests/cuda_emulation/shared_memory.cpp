#include "tests/cuda_emulation/shared_memory.h"

#include <algorithm>
#include <cstring>

#include "tests/cuda_emulation/memory.h"

namespace convoy::emulation {
namespace {

constexpr std::byte kGuardPattern{0xA5};

}  // namespace

void SharedMemory::prepare(Block& block) {
  const std::size_t bytes = block.shape->shared_bytes;
  forbid(pages_.begin(), static_cast<std::size_t>(pages_.end() - pages_.begin()));
  guards_.clear();
  block.static_begin = pages_.begin() + kGuardBytes;
  block.static_end = block.static_begin;
  block.static_objects.clear();
  static_bytes_ = 0;
  add_guard(pages_.begin());
  block.shared_begin = pages_.begin() + kStaticBytes;
  block.shared_end = block.shared_begin + bytes;
  allow(block.shared_begin, bytes);
  std::memset(block.shared_begin, kPoison, bytes);
  add_guard(block.shared_begin - kGuardBytes);
  add_guard(block.shared_end);
}

std::byte* SharedMemory::add_static(Block& block, std::size_t bytes, std::size_t alignment) {
  static_bytes_ += bytes;
  if (static_bytes_ > kMaxStaticBytes) fault("too much static shared memory");
  if (static_bytes_ + block.shape->shared_bytes > kMaxSharedBytes) {
    fault("too much shared memory, static and dynamic together");
  }
  const auto used = static_cast<std::size_t>(block.static_end - pages_.begin());
  const std::size_t start = (used + alignment - 1) / alignment * alignment;
  if (start + bytes + 2 * kGuardBytes > kStaticBytes) fault("too many static objects in shared memory");
  std::byte* const data = pages_.begin() + start;
  allow(data, bytes);
  std::memset(data, kPoison, bytes);
  add_guard(data + bytes);
  block.static_end = data + bytes + kGuardBytes;
  return data;
}

bool SharedMemory::guards_intact() const {
  static const std::vector<std::byte> pattern(kGuardBytes, kGuardPattern);
  return std::all_of(guards_.begin(), guards_.end(), [](std::byte* guard) {
    allow(guard, kGuardBytes);
    return std::memcmp(guard, pattern.data(), kGuardBytes) == 0;
  });
}

void SharedMemory::add_guard(std::byte* at) {
  allow(at, kGuardBytes);
  std::memset(at, static_cast<int>(kGuardPattern), kGuardBytes);
  forbid(at, kGuardBytes);
  guards_.push_back(at);
}

}  // namespace convoy::emulation
