// How imgprep and predict name their inputs: operands, --files-from and --null, --include and --exclude.
#pragma once

#include <string>

#include "lib/base/console.h"
#include "lib/base/options.h"
#include "lib/prep/image_source.h"

namespace convoy {

// Declares --files-from, which `help` describes, --null, --include and --exclude.
void add_list_options(po::options_description& options, const std::string& help);

// The operands ("-" if there are neither operands nor a list), the list, and what --output and --rejects
// name. Files that are passed over are details on the console. Throws MissingInputError, as Options::inputs()
// does.
[[nodiscard]] InputOptions read_input_options(const Options& options, Console& console);

}  // namespace convoy
