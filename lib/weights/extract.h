// Parts of weights, checkpoints and mean files as files of their own, which other tools read.
#pragma once

#include <string>

#include "formats/safetensors.h"
#include "lib/base/memory.h"

namespace convoy {

// net: its text, byte for byte as train read it. classes: lines ID or ID<TAB>NAME, as imgprep reads them.
// mean: a safetensors file with the mean image, as train reads it. options: lines NAME=VALUE, as --config
// reads them.
enum class WeightsPart { net, classes, mean, options };

// Writes the part to `output` ("-" is standard output). Throws Error if the file does not have it, or if it
// is not what it should be.
void extract_part(const SafetensorsFile& file, WeightsPart part, const std::string& output,
                  const MemoryLimit& memory);

}  // namespace convoy
