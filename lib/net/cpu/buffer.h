// Memory for activations and weights.
#pragma once

#include <cstddef>
#include <memory>

namespace convoy {

// Zeroed memory, aligned for vectors, in huge pages where it is large and the system gives them: a step
// touches hundreds of megabytes. All of it is touched here, so that a step takes no page fault.
class CpuBuffer {
 public:
  CpuBuffer() = default;
  explicit CpuBuffer(std::size_t bytes);
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

}  // namespace convoy
