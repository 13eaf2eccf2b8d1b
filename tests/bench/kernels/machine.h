// What the machine can do at best: the limits that kernels are held against.
#pragma once

namespace convoy::bench {

struct Peaks {
  double f32_gigaflops = 0.0;  // fused multiply-adds of floats, all threads
  double bf16_gigaflops =
      0.0;  // dot products of bfloat16 pairs; that of floats where there is no such instruction
  double gigabytes =
      0.0;  // a second, of the triad a = b + s * c in memory, all threads: three floats an element
};

// Measures each a few times and takes the best: what is not reached was taken by another program.
[[nodiscard]] Peaks measure_peaks();

}  // namespace convoy::bench
