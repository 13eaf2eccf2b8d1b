// The options that eval and predict have in common: how a net infers.
#pragma once

#include <cstdint>

#include "lib/base/tool.h"
#include "lib/net/device.h"

namespace convoy {

struct InferenceOptions {
  Device device;
  CompileOptions compile;
};

// Reads --device, --batch (from 1 to max_batch; 0 where none is given), --precision and -j. Throws
// UsageError, and Error for a device that there is not.
[[nodiscard]] InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch);

}  // namespace convoy
