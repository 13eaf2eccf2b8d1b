#include "kernels/tanh.h"

#include "kernels/lanes.h"

namespace convoy::cpu {

template <typename T>
void tanh_forward(std::int64_t count, const T* x, T* y) {
  const std::int64_t whole = count / kLanes * kLanes;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < whole; i += kLanes) {
    store({tanh_of<FloatVector, WordVector>(load(x + i).v)}, y + i);
  }
  for (std::int64_t i = whole; i < count; ++i) {
    y[i] = from_float<T>(tanh_of<float, std::uint32_t>(to_float(x[i])));
  }
}

template <typename T>
void tanh_backward(std::int64_t count, const T* y, const T* dy, T* dx) {
#pragma omp parallel for simd schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    dx[i] = from_float<T>(convoy::tanh_backward(to_float(y[i]), to_float(dy[i])));
  }
}

template void tanh_forward<float>(std::int64_t, const float*, float*);
template void tanh_forward<Bf16>(std::int64_t, const Bf16*, Bf16*);
template void tanh_backward<float>(std::int64_t, const float*, const float*, float*);
template void tanh_backward<Bf16>(std::int64_t, const Bf16*, const Bf16*, Bf16*);

}  // namespace convoy::cpu
