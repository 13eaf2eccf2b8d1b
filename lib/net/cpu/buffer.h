// Memory for activations and weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace convoy {

// Zeroed memory, aligned for vectors. A large buffer is in huge pages if the system gives them, as a step
// touches hundreds of megabytes. The constructor touches all pages, so that a step takes no page faults.
class CpuBuffer {
 public:
  CpuBuffer() = default;
  explicit CpuBuffer(std::size_t bytes);
  // What a buffer of `bytes` takes; the largest number if that does not fit in 64 bits.
  [[nodiscard]] static std::uint64_t allocated(std::uint64_t bytes);
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  template <typename T = std::byte>
  [[nodiscard]] T* as() const {
    return reinterpret_cast<T*>(data_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

// Gives buffers their memory. The same requests are made twice: the first pass only counts bytes, so that a
// net that is too large is known before anything is allocated.
class CpuArena {
 public:
  enum class Pass { count, allocate };
  explicit CpuArena(Pass pass) : pass_(pass) {}
  void take(CpuBuffer& buffer, std::uint64_t bytes);
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Pass pass_;
  std::uint64_t bytes_ = 0;
};

}  // namespace convoy
