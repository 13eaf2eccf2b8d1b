// Divides one allocation into parts. The same requests are made twice: the first pass counts bytes, the
// second gets the addresses.
#pragma once

#include <cstddef>
#include <cstdint>

#include "lib/base/checked.h"

namespace convoy {

class CudaArena {
 public:
  CudaArena() = default;  // counts; every part is null
  explicit CudaArena(void* base) : base_(static_cast<std::byte*>(base)) {}

  // `count` elements, aligned to 256 bytes. What does not fit in 64 bits is counted as the largest number.
  template <typename T>
  [[nodiscard]] T* take(std::int64_t count) {
    const std::uint64_t at = bytes_;
    const std::uint64_t bytes = saturating_mul(static_cast<std::uint64_t>(count), sizeof(T));
    bytes_ = saturating_add(at, checked_align(bytes, kAlignment).value_or(UINT64_MAX));
    return base_ == nullptr ? nullptr : reinterpret_cast<T*>(base_ + at);
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  static constexpr std::uint64_t kAlignment = 256;
  std::byte* base_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace convoy
