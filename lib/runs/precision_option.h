// --precision of train, eval and predict: what a net computes in.
#pragma once

#include <string>

#include "kernels/element.h"
#include "lib/base/options.h"
#include "lib/net/device.h"

namespace convoy {

inline constexpr const char* kPrecisionOption = "precision";

void add_precision_option(po::options_description& options);

// Reads --precision. `auto` is the precision of a run that is resumed (`before`, or nullptr), else bf16 on a
// GPU, whose tensor cores work in it, and fp32 on a CPU, on which bf16 is not always faster. Throws
// UsageError for another text.
[[nodiscard]] Element choose_precision(const Options& options, const Device& device,
                                       const Element* before = nullptr);

// "fp32" or "bf16"; otherwise UsageError about `option`.
[[nodiscard]] Element parse_precision(const std::string& text, const std::string& option);

}  // namespace convoy
