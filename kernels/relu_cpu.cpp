#include "kernels/relu.h"

namespace convoy::cpu {

template <typename T>
void relu_forward(std::int64_t count, const T* x, T* y) {
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) y[i] = from_float<T>(relu(to_float(x[i])));
}

template <typename T>
void relu_backward(std::int64_t count, const T* y, const T* dy, T* dx) {
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    dx[i] = from_float<T>(convoy::relu_backward(to_float(y[i]), to_float(dy[i])));
  }
}

template void relu_forward<float>(std::int64_t, const float*, float*);
template void relu_forward<Bf16>(std::int64_t, const Bf16*, Bf16*);
template void relu_backward<float>(std::int64_t, const float*, const float*, float*);
template void relu_backward<Bf16>(std::int64_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cpu
