// The layers of AlexNet on a GPU, one by one.
#pragma once

#include "kernels/cuda/device.h"
#include "tests/bench/gpu/cudnn.h"
#include "tests/bench/gpu/timing.h"

namespace convoy::bench {

struct Peaks {
  double tflops = 0.0;
  double gigabytes = 0.0;  // per second, read plus written
};

// Prints a line for each operation of a training step and each direction: time, TFLOP/s or GB/s, share of the
// peak, and cuDNN's time for convolutions. cudnn may be null.
void time_layers(const cuda::Stream& stream, int batch, const Cudnn* cudnn, const Peaks& peaks,
                 const Deadline& deadline);

}  // namespace convoy::bench
