// column_sums: sums[j] = sum over i of x[i][j], in an order that depends on the sizes alone. On a GPU it
// makes the gradient of a fully-connected layer's bias; on a CPU the product (kernels/fc.h) does.
#pragma once

#include <cstdint>

#include "lib/base/bf16.h"

namespace convoy::cuda {

class Stream;

// x: [rows][columns]; columns: a multiple of kChannelAlignment (kernels/cuda/batch.h).
template <typename T>
void column_sums(const Stream& stream, std::int64_t rows, int columns, const T* x, float* sums);

}  // namespace convoy::cuda
