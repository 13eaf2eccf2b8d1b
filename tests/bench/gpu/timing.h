// Measures the time of work on a GPU.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/device.h"
#include "tests/bench/gpu/report.h"

namespace convoy::bench {

inline constexpr int kFullEffort = 20;

// What all measurements of one run share: the stream, and how much effort and time they may take.
class Bench {
 public:
  // only: the names of what is wanted, with commas between them; empty: everything. See bench.cpp.
  Bench(const cuda::Stream& on, double seconds, int effort, const std::string& only)
      : stream(on),
        effort_(effort),
        seconds_(seconds),
        only_(only.empty() ? only : "," + only + ","),
        flush_(std::uint64_t{1} << (quick() ? 12 : 27), "benchmark") {}

  const cuda::Stream&
      stream;  // NOLINT(misc-non-private-member-variables-in-classes): for the work to be timed

  // Whether the program is only tried, on few and small measurements.
  [[nodiscard]] bool quick() const { return effort_ < kFullEffort; }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool wants(const std::string& name) const {
    return only_.empty() || only_.find("," + name + ",") != std::string::npos;
  }

  // Measures one thing, or says in a line that time is up or why it failed.
  void attempt(const Subject& subject, const std::function<void()>& measure) {
    const auto now = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(now - start_).count() > seconds_) return report_left_out(subject);
    try {
      measure();
    } catch (const std::exception& error) {
      failed_ = true;
      report_failure(subject, error.what());
    }
  }

  // Milliseconds that work() takes: the median of several rounds, after one round to warm up. Each round is a
  // captured graph with enough repetitions to make the cost of starting it negligible. work() runs once
  // before, because kernels, also those of libraries, are loaded then, which a capture may not allow.
  [[nodiscard]] double milliseconds(const std::function<void()>& work, int repetitions = kFullEffort) const {
    repetitions = std::min(repetitions, effort_);
    const int rounds = quick() ? 1 : 7;
    work();
    stream.synchronize();
    const cuda::Graph graph(stream, [&] {
      for (int i = 0; i < repetitions; ++i) work();
    });
    if (!quick()) graph.launch(stream);
    std::vector<double> times;
    const cuda::Event start(cuda::Event::Timing::on);
    const cuda::Event end(cuda::Event::Timing::on);
    for (int round = 0; round < rounds; ++round) {
      stream.record(start);
      graph.launch(stream);
      stream.record(end);
      end.synchronize();
      times.push_back(end.milliseconds_since(start) / repetitions);
    }
    std::ranges::sort(times);
    return times[times.size() / 2];
  }
  // The same with nothing of what it reads in the L2 cache, as in a step, where other layers run in between:
  // the time of work() behind a pass over more memory than the cache holds, less that of the pass.
  [[nodiscard]] double cold_milliseconds(const std::function<void()>& work,
                                         int repetitions = kFullEffort) const {
    const auto flush = [&] { cuda::fill_zero(stream, flush_.data(), flush_.bytes()); };
    const auto both = [&] {
      flush();
      work();
    };
    return std::max(0.0, milliseconds(both, repetitions) - milliseconds(flush, repetitions));
  }
  // Measures work() both ways. kind: own or cudnn; the second line is of kind own_cold or cudnn_cold.
  void time(const Subject& subject, const std::function<void()>& work, double amount, const char* unit) {
    attempt(subject, [&] {
      report(subject, milliseconds(work) * 1e3, "us", amount, unit);
      const Subject cold{subject.kind == std::string("own") ? "own_cold" : "cudnn_cold", subject.name,
                         subject.pass, subject.batch};
      report(cold, cold_milliseconds(work) * 1e3, "us", amount, unit);
    });
  }

 private:
  int effort_;
  double seconds_;
  std::string only_;
  mutable cuda::DeviceBuffer flush_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool failed_ = false;
};

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
