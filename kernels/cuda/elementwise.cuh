// Elementwise kernels: one maps x to y, the other maps an activation's output y and its gradient dy to dx.
// The function is a struct with a device operator(), passed by value. The outputs may be the inputs.
#pragma once

#include "kernels/cuda/vector.cuh"

namespace convoy::cuda {

template <typename T, typename Function>
__global__ void __launch_bounds__(kThreads)
    map_kernel(std::int64_t count, Function function, const T* x, T* y) {
  for_each_flat<T>(count, [&](std::int64_t i) {
    float values[kVector<T>];
    load_vector(x + i, values);
#pragma unroll
    for (float& value : values) value = function(value);
    store_vector(y + i, values);
  });
}

template <typename T, typename Function>
__global__ void __launch_bounds__(kThreads)
    map_gradient_kernel(std::int64_t count, Function function, const T* y, const T* dy, T* dx) {
  for_each_flat<T>(count, [&](std::int64_t i) {
    float outputs[kVector<T>];
    float gradients[kVector<T>];
    load_vector(y + i, outputs);
    load_vector(dy + i, gradients);
#pragma unroll
    for (int e = 0; e < kVector<T>; ++e) gradients[e] = function(outputs[e], gradients[e]);
    store_vector(dx + i, gradients);
  });
}

// y[i] = function(x[i])
template <typename T, typename Function>
void map_elements(const LaunchStream& at, std::int64_t count, Function function, const T* x, T* y) {
  launch(map_kernel<T, Function>, flat_grid<T>(count), kThreads, 0, at, count, function, x, y);
}
// dx[i] = function(y[i], dy[i])
template <typename T, typename Function>
void map_gradients(const LaunchStream& at, std::int64_t count, Function function, const T* y, const T* dy,
                   T* dx) {
  launch(map_gradient_kernel<T, Function>, flat_grid<T>(count), kThreads, 0, at, count, function, y, dy, dx);
}

}  // namespace convoy::cuda
