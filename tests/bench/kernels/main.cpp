// kernels [BATCH] [--benchmark_...]: times each operation of the CPU by itself with Google Benchmark.
// Products show GFLOP/s and their share of the machine's peak, other operations GB/s and their share of the
// memory's. Shares above 100 % come from operands that stay in a cache, and from Winograd, which saves
// multiplications that are counted here.
#include <benchmark/benchmark.h>
#include <omp.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "tests/bench/kernels/kernel_case.h"
#include "tests/bench/kernels/machine.h"

namespace convoy::bench {
namespace {

constexpr int kBatch = 128;

void time_kernel(benchmark::State& state, const Kernel& kernel, const Peaks& peaks) {
  const KernelCase work = kernel.prepare();
  work.run();  // the first call finds its memory in no cache, and wakes up the threads
  const auto start = std::chrono::steady_clock::now();
  for ([[maybe_unused]] auto round : state) work.run();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
                         static_cast<double>(state.iterations());
  const double gigaflops = work.flop / seconds * 1e-9;
  const double gigabytes = work.bytes / seconds * 1e-9;
  const double peak = kernel.element == Element::bf16 ? peaks.bf16_gigaflops : peaks.f32_gigaflops;
  if (work.flop > 0) state.counters["GFLOP/s"] = gigaflops;
  state.counters["GB/s"] = gigabytes;
  state.counters["peak%"] = 100.0 * (work.flop > 0 ? gigaflops / peak : gigabytes / peaks.gigabytes);
}

void add(const std::vector<Kernel>& kernels, const Peaks& peaks) {
  for (const Kernel& kernel : kernels) {
    benchmark::RegisterBenchmark(
        kernel.name.c_str(), [kernel, peaks](benchmark::State& state) { time_kernel(state, kernel, peaks); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  }
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const int batch = argc > 1 ? std::atoi(argv[1]) : kBatch;
  if (argc > 2 || batch < 1) {
    std::fputs("usage: kernels [BATCH] [--benchmark_filter=REGEX] [--benchmark_...]\n", stderr);
    return 2;
  }
  const Peaks peaks = measure_peaks();
  std::fprintf(stderr, "%d threads, batch %d; peaks measured: %.0f GFLOP/s fp32, %.0f bf16, %.1f GB/s\n",
               omp_get_max_threads(), batch, peaks.f32_gigaflops, peaks.bf16_gigaflops, peaks.gigabytes);
  add(product_kernels(batch), peaks);
  add(activation_kernels(batch), peaks);
  add(other_kernels(batch), peaks);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace convoy::bench

int main(int argc, char** argv) { return convoy::bench::run(argc, argv); }
