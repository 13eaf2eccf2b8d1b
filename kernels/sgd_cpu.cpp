#include "kernels/sgd.h"

namespace convoy::cpu {

void sgd_update(const SgdCoefficients& coefficients, std::int64_t count, float* w, float* v, const float* g) {
  const SgdCoefficients k = coefficients;
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const float momentum = sgd_momentum(k, v[i], w[i], g[i]);
    v[i] = momentum;
    w[i] += momentum;
  }
}

}  // namespace convoy::cpu
