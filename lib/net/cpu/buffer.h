// Memory for activations and weights.
#pragma once

#include <cstddef>
#include <memory>

namespace convoy {

// Zeroed memory, aligned for vectors. A large buffer is in huge pages if the system gives them, as a step
// touches hundreds of megabytes. The constructor touches all pages, so that a step takes no page faults.
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
