// How kernels are launched and where they find shared memory. Only .cu and .cuh files include this header.
// Builds for the emulated device find a file of the same path in tests/cuda_emulation/include/ first.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>

#include "kernels/cuda/device.h"
#include "lib/base/error.h"

namespace convoy::cuda {

// A stream, and the source location of the launch for error messages.
struct LaunchStream {
  LaunchStream(const Stream& to,
               const std::source_location from = std::source_location::current())  // NOLINT: implicit
      : stream(to), where(from) {}
  const Stream& stream;
  std::source_location where;
};

// Launches kernel(arguments...) on the stream, with `shared_bytes` of dynamic shared memory. A block must be
// a whole number of warps. Throws Error if the launch is refused; errors while the kernel runs are reported
// when the stream is synchronised.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            const LaunchStream& stream, const Arguments&... arguments) {
  static_assert(sizeof...(Parameters) == sizeof...(Arguments));
  constexpr std::size_t kWithoutOptIn = 48 * 1024;
  const auto* function = reinterpret_cast<const void*>(kernel);
  cudaError_t status = cudaSuccess;
  if (shared_bytes > kWithoutOptIn) {
    status = cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  static_cast<int>(shared_bytes));
  }
  if (status == cudaSuccess) {
    std::tuple<Parameters...> values(static_cast<Parameters>(arguments)...);
    std::apply(
        [&](auto&... value) {
          std::array<void*, sizeof...(Parameters)> pointers = {&value...};
          status = cudaLaunchKernel(function, grid, block, pointers.data(), shared_bytes,
                                    static_cast<cudaStream_t>(stream.stream.handle()));
        },
        values);
  }
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // so that the next call, or a library, does not report it again
    throw Error("GPU", std::string(stream.where.file_name()) + ":" + std::to_string(stream.where.line()) +
                           ": kernel launch: " + cudaGetErrorString(status));
  }
}

// The block's dynamic shared memory, aligned to 1024 bytes, uninitialised.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
  extern __shared__ unsigned char convoy_dynamic_shared[] __attribute__((aligned(1024)));
  return reinterpret_cast<T*>(convoy_dynamic_shared);
}

// Static shared memory: one T per block, uninitialised. Calls with the same T and tag return the same object,
// so a kernel should put all of its static shared memory into one local struct.
template <typename T, int kTag = 0>
__device__ __forceinline__ T& block_shared() {
  __shared__ T object;
  return object;
}

}  // namespace convoy::cuda
