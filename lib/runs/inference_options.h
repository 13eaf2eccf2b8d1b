// The options that eval and predict have in common: how a net infers.
#pragma once

#include <cstdint>

#include "lib/base/options.h"
#include "lib/net/device.h"

namespace convoy {

struct InferenceOptions {
  Device device;
  CompileOptions compile;
};

// Reads --device, --batch (from 1 to max_batch; 0 if it is not given), --precision and -j. Throws UsageError,
// and Error if the device does not exist.
[[nodiscard]] InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch);

}  // namespace convoy
