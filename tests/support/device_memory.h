// Values in device memory, for the tests of kernels.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/device.h"

namespace convoy::cuda {

// Shared memory of a block on the smallest devices, those of compute capability 8.6, 8.9 and 12.
inline constexpr std::uint64_t kLeastSharedBytes = 99 * 1024;

// A vector in device memory. `stream` must outlive it.
template <typename T>
class OnDevice {
 public:
  OnDevice(const Stream& stream, const std::vector<T>& values)
      : stream_(stream), size_(values.size()), buffer_(values.size() * sizeof(T), "test") {
    copy_to_device(stream, buffer_.data(), values.data(), buffer_.bytes());
    stream.synchronize();
  }
  // `size` unwritten values: each byte is 0xFF, which is a NaN in float and bf16.
  OnDevice(const Stream& stream, std::int64_t size)
      : OnDevice(stream, unwritten(static_cast<std::size_t>(size))) {}

  [[nodiscard]] T* data() { return buffer_.template as<T>(); }
  [[nodiscard]] const T* data() const { return buffer_.template as<T>(); }
  [[nodiscard]] std::vector<T> values() const {
    std::vector<T> result(size_);
    copy_to_host(stream_, result.data(), buffer_.data(), buffer_.bytes());
    stream_.synchronize();
    return result;
  }

 private:
  static std::vector<T> unwritten(std::size_t size) {
    std::vector<T> values(size);
    auto* const bytes = reinterpret_cast<unsigned char*>(values.data());
    for (std::size_t i = 0; i < size * sizeof(T); ++i) bytes[i] = 0xFF;
    return values;
  }
  const Stream& stream_;
  std::size_t size_;
  DeviceBuffer buffer_;
};

}  // namespace convoy::cuda
