// accumulate: the gradients of the parts of a batch are added up, elementwise, in any layout.
#pragma once

#include <cstdint>

namespace convoy {

namespace cpu {

// sum[i] = x[i] if `first`, else sum[i] + x[i].
void accumulate(bool first, std::int64_t count, const float* x, float* sum);

}  // namespace cpu
namespace cuda {

class Stream;

// The same on a GPU (kernels/cuda/batch.h). count: a multiple of four.
void accumulate(const Stream& stream, bool first, std::int64_t count, const float* x, float* sum);

}  // namespace cuda
}  // namespace convoy
