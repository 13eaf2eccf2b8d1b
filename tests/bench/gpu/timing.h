// Measures the time of work on a GPU.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/cuda/device.h"

namespace convoy::bench {

// A point in time, some seconds after the object is made.
class Deadline {
 public:
  explicit Deadline(double seconds) : seconds_(seconds) {}
  [[nodiscard]] bool passed() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() > seconds_;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double seconds_;
};

// Milliseconds that work() takes: the median of several rounds, after one round to warm up. Each round is a
// captured graph with enough repetitions to make the cost of starting it negligible. work() runs once before,
// because kernels, also those of libraries, are loaded then, which a capture may not allow.
[[nodiscard]] inline double milliseconds_of(const cuda::Stream& stream, const std::function<void()>& work,
                                            int repetitions = 20) {
  constexpr int kRounds = 7;
  work();
  stream.synchronize();
  const cuda::Graph graph(stream, [&] {
    for (int i = 0; i < repetitions; ++i) work();
  });
  graph.launch(stream);
  std::vector<double> times;
  const cuda::Event start(cuda::Event::Timing::on);
  const cuda::Event end(cuda::Event::Timing::on);
  for (int round = 0; round < kRounds; ++round) {
    stream.record(start);
    graph.launch(stream);
    stream.record(end);
    end.synchronize();
    times.push_back(end.milliseconds_since(start) / repetitions);
  }
  std::ranges::sort(times);
  return times[kRounds / 2];
}

// Device memory filled with small random numbers, because zeros would run faster than real values do.
class Buffers {
 public:
  explicit Buffers(const cuda::Stream& stream) : stream_(stream), noise_(kNoiseBytes) {
    std::uint32_t state = 1;
    auto* const words = noise_.as<std::uint32_t>();
    for (std::uint64_t i = 0; i < kNoiseBytes / sizeof(std::uint32_t); ++i) {
      state = state * 1664525U + 1013904223U;
      // Two bf16 between 0.5 and 1 in magnitude, which also are a float of that size.
      words[i] = 0x3F003F00U | (state & 0x807F807FU);
    }
  }
  template <typename T>
  [[nodiscard]] T* make(std::int64_t elements) {
    const std::uint64_t bytes = static_cast<std::uint64_t>(elements) * sizeof(T);
    cuda::DeviceBuffer& buffer = buffers_.emplace_back(bytes, "benchmark");
    for (std::uint64_t at = 0; at < bytes; at += kNoiseBytes) {
      cuda::copy_to_device(stream_, buffer.as<char>() + at, noise_.as<char>(),
                           std::min(kNoiseBytes, bytes - at));
    }
    stream_.synchronize();
    return buffer.as<T>();
  }
  // Device memory with these values.
  template <typename T>
  [[nodiscard]] T* copy_of(const std::vector<T>& values) {
    const std::uint64_t bytes = values.size() * sizeof(T);
    cuda::DeviceBuffer& buffer = buffers_.emplace_back(bytes, "benchmark");
    cuda::copy_to_device(stream_, buffer.as<char>(), values.data(), bytes);
    stream_.synchronize();
    return buffer.as<T>();
  }

 private:
  static constexpr std::uint64_t kNoiseBytes = std::uint64_t{8} << 20;
  const cuda::Stream& stream_;
  cuda::HostBuffer noise_;
  std::vector<cuda::DeviceBuffer> buffers_;
};

}  // namespace convoy::bench
