// The layers of AlexNet on a GPU, one by one.
#pragma once

#include "tests/bench/gpu/timing.h"

namespace convoy::bench {

// Reports the time of each operation of a training step, in each direction.
void time_layers(Bench& bench, int batch);
// Reports that of cuDNN for the convolutions. False if there is no cuDNN.
[[nodiscard]] bool time_cudnn(Bench& bench, int batch);

}  // namespace convoy::bench
