// The options that eval and predict have in common: how a net infers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/options.h"
#include "lib/net/device.h"
#include "lib/runs/models.h"

namespace convoy {

struct InferenceOptions {
  Device device;
  CompileOptions compile;
  int views = 1;
};

// Declares -w, --weights=FILE, --ensemble-weights=W,W... and --views=1|10.
void add_model_options(po::options_description& options);
// The files of -w and how much each counts. Throws UsageError if there is none; `purpose` completes "the
// weights to ...".
[[nodiscard]] ModelFiles read_model_files(const Options& options, std::string_view purpose);

// What the limit on memory leaves to a net: a limit on address space counts the stacks of the threads, too,
// those of the net and of so many loaders of images.
[[nodiscard]] MemoryLimit memory_for_net(const Options& options, std::uint64_t loaders = 1);

// Reads --views, --device, --batch (from 1 to max_batch; 0 if it is not given), --precision and -j. Throws
// UsageError, and Error if the device does not exist.
[[nodiscard]] InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch);

}  // namespace convoy
