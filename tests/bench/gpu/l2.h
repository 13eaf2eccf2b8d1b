// How fast the multiprocessors read from the L2 cache, which limits the convolutions.
#pragma once

#include <cstdint>

#include "kernels/cuda/device.h"

namespace convoy::bench {

// Each of `blocks` blocks reads all `bytes` (a multiple of 16) of data: more than the L1 cache of a
// multiprocessor holds, less than the L2 cache. sink: a float.
void read_l2(const cuda::Stream& stream, int blocks, const float* data, std::int64_t bytes, float* sink);

}  // namespace convoy::bench
