// Writes the records of shards as image files.
#pragma once

#include <string>
#include <vector>

#include "lib/base/console.h"
#include "lib/shards/pack.h"
#include "lib/shards/rejects.h"

namespace convoy {

// Writes every record as an image file (raw pixels as PNG, JPEG unchanged) into `folder`, which must be new
// or empty. Each class gets a subfolder; records without a label go into `folder` itself. Names that would
// occur twice get a number. Each file appears under its name whole and on disk. Works on as many threads as
// have room in the memory. Throws Error, and what Rejects::conclude() throws; what has been written by then
// is removed, and also after SIGHUP, SIGINT or SIGTERM, which end the work.
PackResult extract_shards(const std::vector<std::string>& inputs, const std::string& folder, int threads,
                          const MemoryLimit& memory, Rejects& rejects, Console& console);

}  // namespace convoy
