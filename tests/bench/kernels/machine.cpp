#include "tests/bench/kernels/machine.h"

#include <immintrin.h>
#include <time.h>  // clock_gettime is POSIX's

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "lib/net/cpu/buffer.h"

namespace convoy::bench {
namespace {

constexpr int kTrials = 20;  // other programs and machines share the memory
// Independent of each other: an operation takes four or five cycles, and two begin in each cycle.
constexpr int kChains = 16;
constexpr std::int64_t kRounds = 4'000'000;

template <typename Work>
double best_seconds(Work&& work) {
  double best = 0.0;
  for (int trial = 0; trial < kTrials; ++trial) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = trial == 0 ? seconds : std::min(best, seconds);
  }
  return best;
}

// One multiply-add of vectors: `kFlop` operations.
#if defined(__AVX512F__)
struct FloatStep {
  using Vector = __m512;
  static constexpr int kFlop = 2 * 16;
  static Vector start() { return _mm512_set1_ps(1.0F); }
  static Vector next(Vector sum, Vector factor) { return _mm512_fmadd_ps(sum, factor, factor); }
};
#else
struct FloatStep {
  using Vector = __m256;
  static constexpr int kFlop = 2 * 8;
  static Vector start() { return _mm256_set1_ps(1.0F); }
  static Vector next(Vector sum, Vector factor) { return _mm256_fmadd_ps(sum, factor, factor); }
};
#endif

#if defined(__AVX512BF16__)
struct Bf16Step {
  using Vector = __m512;
  static constexpr int kFlop = 2 * 32;
  static Vector start() { return _mm512_set1_ps(1.0F); }
  static Vector next(Vector sum, Vector factor) {
    // NOLINTNEXTLINE(bugprone-casting-through-void): a type of the same bits
    const auto pairs = (__m512bh)factor;
    return _mm512_dpbf16_ps(sum, pairs, pairs);
  }
};
#else
using Bf16Step = FloatStep;
#endif

double thread_seconds() {
  timespec time{};
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// GFLOP/s of all threads together. Each thread is measured by the time that it ran, so that a busy machine
// shows the same peak. The sums are passed to an asm statement, so that the compiler does not remove them.
template <typename Step>
double gigaflops() {
  constexpr double kFlop = double{kChains} * static_cast<double>(kRounds) * Step::kFlop;
  double best = 0.0;
  for (int trial = 0; trial < kTrials; ++trial) {
    double rate = 0.0;
#pragma omp parallel reduction(+ : rate)
    {
      const double start = thread_seconds();
      typename Step::Vector sums[kChains];  // NOLINT(modernize-avoid-c-arrays): registers
      for (auto& sum : sums) sum = Step::start();
      typename Step::Vector factor = Step::start();
      for (std::int64_t round = 0; round < kRounds; ++round) {
#pragma GCC unroll 16
        for (int chain = 0; chain < kChains; ++chain) sums[chain] = Step::next(sums[chain], factor);
      }
      for (auto& sum : sums) asm volatile("" : : "x"(sum));
      rate = kFlop / (thread_seconds() - start) * 1e-9;
    }
    best = std::max(best, rate);
  }
  return best;
}

double triad_gigabytes() {
  constexpr std::size_t kElements = std::size_t{96} << 20;  // far more than any cache
  constexpr auto kBytes = kElements * sizeof(float);
  const CpuBuffer result(kBytes);
  const CpuBuffer left(kBytes);
  const CpuBuffer right(kBytes);
  const double seconds = best_seconds([&] {
    auto* a = result.as<float>();
    const auto* b = left.as<float>();
    const auto* c = right.as<float>();
#pragma omp parallel for simd
    for (std::size_t i = 0; i < kElements; ++i) a[i] = b[i] + 3.0F * c[i];
    asm volatile("" : : "r"(a) : "memory");
  });
  return 3.0 * static_cast<double>(kBytes) / seconds * 1e-9;
}

}  // namespace

Peaks measure_peaks() { return {gigaflops<FloatStep>(), gigaflops<Bf16Step>(), triad_gigabytes()}; }

}  // namespace convoy::bench
