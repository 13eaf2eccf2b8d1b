// multiply: values[i] = values[i] * factors[i]. On a GPU it keeps gradients zero for the weights that a
// transformed convolution has beyond the original's (kernels/cuda/conv_layout.h).
#pragma once

#include <cstdint>

namespace convoy::cuda {

class Stream;

// count: a multiple of four. See kernels/cuda/batch.h.
void multiply(const Stream& stream, std::int64_t count, const float* factors, float* values);

}  // namespace convoy::cuda
