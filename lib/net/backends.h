// What each backend implements. lib/net/cpu is in every program, lib/net/cuda only in programs built with
// CUDA; lib/net/device.cpp handles its absence.
#pragma once

#include <memory>
#include <string>

#include "lib/net/compiled_net.h"

namespace convoy {

// On oneDNN and OpenMP. Throws Error if a layer has no implementation.
[[nodiscard]] std::unique_ptr<CompiledNet> compile_cpu(const NetSpec& net, const CompileOptions& options);

// What such a net will take; allocates nothing. Throws as compile_cpu() does, but not for a lack of memory.
[[nodiscard]] MemoryNeed need_cpu(const NetSpec& net, const CompileOptions& options);

// On a GPU. Throws Error if the net and its batch do not fit the GPU's memory; the message says how much they
// need, and which batch would fit.
[[nodiscard]] std::unique_ptr<CompiledNet> compile_cuda(const NetSpec& net, const CompileOptions& options,
                                                        int device);

// What such a net will take, on the host and on the GPU; allocates nothing.
struct CudaNeed {
  MemoryNeed host;
  MemoryNeed device;
};
[[nodiscard]] CudaNeed need_cuda(const NetSpec& net, const CompileOptions& options, int device);
// What is free on the GPU.
[[nodiscard]] MemoryLimit cuda_memory(int device);

struct CudaDevices {
  int count = 0;
  std::string reason;  // why there are none, if so
};
// Never throws; needs neither driver nor GPU.
[[nodiscard]] CudaDevices cuda_devices();
// The GPU's name. Throws Error if the GPU cannot be used, or if this build has no code for it.
[[nodiscard]] std::string cuda_device_name(int index);

}  // namespace convoy
