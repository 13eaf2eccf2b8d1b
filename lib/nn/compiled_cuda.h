// Nets on a GPU. Programs that are built with CUDA link what implements this; in others it is missing, and
// lib/nn/device.cpp says so.
#pragma once

#include <memory>

#include "lib/nn/compiled_net.h"

namespace convoy {

// Throws Error where the net or its batch does not fit the GPU's memory: what it needs, and what batch would
// fit.
[[nodiscard]] std::unique_ptr<CompiledNet> compile_cuda(const NetSpec& net, const CompileOptions& options,
                                                        int device);

}  // namespace convoy
