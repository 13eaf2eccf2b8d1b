// What each backend implements: lib/net/cpu in every program, lib/net/cuda in those that are built with CUDA.
// In others the functions of CUDA are missing, and lib/net/device.cpp says so.
#pragma once

#include <memory>
#include <string>

#include "lib/net/compiled_net.h"

namespace convoy {

// On oneDNN and OpenMP. Throws Error if a layer has no implementation.
[[nodiscard]] std::unique_ptr<CompiledNet> compile_cpu(const NetSpec& net, const CompileOptions& options);

// On a GPU. Throws Error where the net or its batch does not fit the GPU's memory: what it needs, and what
// batch would fit.
[[nodiscard]] std::unique_ptr<CompiledNet> compile_cuda(const NetSpec& net, const CompileOptions& options,
                                                        int device);

struct CudaDevices {
  int count = 0;
  std::string reason;  // why there are none
};
// Never throws; needs neither driver nor GPU.
[[nodiscard]] CudaDevices cuda_devices();
// The GPU's name. Throws Error where it cannot be used, or this build has no code for it.
[[nodiscard]] std::string cuda_device_name(int index);

}  // namespace convoy
