// Launches and shared memory of the emulated device: the counterpart of kernels/cuda/launch.cuh, which has
// the contract.
#pragma once

#include <cuda_runtime.h>

#include <tuple>

#include "kernels/cuda/device.h"
#include "tests/cuda_emulation/stream.h"

namespace convoy::cuda {

struct LaunchStream {
  LaunchStream(const Stream& to,
               const emulation::CallSite from = emulation::CallSite::current())  // NOLINT: implicit
      : stream(to), where(from) {}
  const Stream& stream;
  emulation::CallSite where;
};

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            const LaunchStream& stream, const Arguments&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments));
  emulation::LaunchShape shape;
  shape.grid = {grid.x, grid.y, grid.z};
  shape.block = {block.x, block.y, block.z};
  shape.shared_bytes = shared_bytes;
  shape.where = stream.where;
  emulation::check_loaded(stream.stream.handle(), reinterpret_cast<const void*>(kernel));
  emulation::enqueue(
      stream.stream.handle(),
      [kernel, shape, values = std::tuple<Parameters...>(static_cast<Parameters>(arguments)...)] {
        emulation::run_grid(shape, [&] { std::apply(kernel, values); });
      });
}

template <typename T>
T* dynamic_shared() {
  static_assert(alignof(T) <= 1024);
  return reinterpret_cast<T*>(emulation::current_block->shared_begin);
}

template <typename T, int kTag = 0>
T& block_shared() {
  static_assert(std::is_trivially_default_constructible_v<T>);
  static const char key = 0;
  return *static_cast<T*>(emulation::static_shared(&key, sizeof(T), alignof(T)));
}

}  // namespace convoy::cuda
