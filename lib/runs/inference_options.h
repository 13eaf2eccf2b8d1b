// The options that eval and predict have in common: how a net infers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/options.h"
#include "lib/net/device.h"

namespace convoy {

struct InferenceOptions {
  Device device;
  CompileOptions compile;
};

// Declares -w, --weights=FILE.
void add_weights_option(po::options_description& options);
// The file of -w. Throws UsageError if it is missing; `purpose` completes "the weights to ...".
[[nodiscard]] std::string read_weights_option(const Options& options, std::string_view purpose);

// What the limit on memory leaves to a net: a limit on address space counts the stacks of the threads, too,
// those of the net and of so many loaders of images.
[[nodiscard]] MemoryLimit memory_for_net(const Options& options, std::uint64_t loaders = 1);

// Reads --device, --batch (from 1 to max_batch; 0 if it is not given), --precision and -j. Throws UsageError,
// and Error if the device does not exist.
[[nodiscard]] InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch);

}  // namespace convoy
