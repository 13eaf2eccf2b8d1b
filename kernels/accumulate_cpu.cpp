#include "kernels/accumulate.h"

namespace convoy::cpu {

void accumulate(bool first, std::int64_t count, const float* x, float* sum) {
  if (first) {
#pragma omp parallel for simd schedule(static)
    for (std::int64_t i = 0; i < count; ++i) sum[i] = x[i];
  } else {
#pragma omp parallel for simd schedule(static)
    for (std::int64_t i = 0; i < count; ++i) sum[i] += x[i];
  }
}

}  // namespace convoy::cpu
