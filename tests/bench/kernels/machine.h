// The machine's peaks, with which kernels are compared.
#pragma once

namespace convoy::bench {

struct Peaks {
  double f32_gigaflops = 0.0;  // fused multiply-adds of floats, all threads
  // Dot products of bfloat16 pairs; equal to f32_gigaflops if there is no such instruction.
  double bf16_gigaflops = 0.0;
  // Per second, of the triad a = b + s * c in memory, all threads: three floats per element.
  double gigabytes = 0.0;
};

// Measures each a few times and takes the best: the difference was taken by other programs.
[[nodiscard]] Peaks measure_peaks();

}  // namespace convoy::bench
