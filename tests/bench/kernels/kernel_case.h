// A kernel to be timed, and the work that it does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/element.h"
#include "lib/net/cpu/buffer.h"

namespace convoy::bench {

struct KernelCase {
  double flop = 0.0;          // of a call; 0: compared with the memory's peak
  double bytes = 0.0;         // that a call must move at least: each operand once
  std::function<void()> run;  // owns its buffers
};

struct Kernel {
  std::string name;  // "conv2/forward/bf16"
  Element element = Element::f32;
  std::function<KernelCase()> prepare;  // allocates, so it is called only when the kernel is timed
};

// An array that is shared by its copies.
template <typename T>
class Values {
 public:
  Values() = default;
  explicit Values(std::int64_t count)
      : buffer_(std::make_shared<CpuBuffer>(static_cast<std::size_t>(count) * sizeof(T))) {}
  [[nodiscard]] T* data() const { return buffer_->as<T>(); }
  [[nodiscard]] std::size_t size() const { return bytes() / sizeof(T); }
  [[nodiscard]] std::size_t bytes() const { return buffer_ == nullptr ? 0 : buffer_->bytes(); }

 private:
  std::shared_ptr<CpuBuffer> buffer_;
};

// `count` values in [-0.05, 0.05), because zeros and denormal numbers would take other times.
template <typename T>
[[nodiscard]] Values<T> small_values(std::int64_t count) {
  const Values<T> result(count);
  T* values = result.data();
#pragma omp parallel for
  for (std::int64_t i = 0; i < count; ++i) {
    const auto hash = static_cast<std::uint32_t>(static_cast<std::uint64_t>(i) * 2654435761U >> 16 & 0xFFFFU);
    values[i] = from_float<T>((static_cast<float>(hash % 1000) / 1000.0F - 0.4995F) * 0.1F);
  }
  return result;
}

// The kernels of AlexNet's products, and of everything else, for batches of `batch` images.
[[nodiscard]] std::vector<Kernel> product_kernels(int batch);
[[nodiscard]] std::vector<Kernel> activation_kernels(int batch);
[[nodiscard]] std::vector<Kernel> other_kernels(int batch);

}  // namespace convoy::bench
