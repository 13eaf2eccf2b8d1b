// Writes the records of shards as image files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/console.h"
#include "lib/shards/pack.h"
#include "lib/shards/rejects.h"

namespace convoy {

// `text` as a file name that no file system, shell or terminal misreads: '/', '%', control bytes and a
// leading '.' or '-' become %XX, and long names are cut. Never empty.
[[nodiscard]] std::string safe_file_name(std::string_view text);

// Writes every record as an image file (raw pixels as PNG, JPEG unchanged) into `folder`, which must be new
// or empty. Each class gets a subfolder; records without a label go into `folder` itself. Names that would
// occur twice get a number. Works on as many threads as have room in the memory. Throws Error, and what
// Rejects::conclude() throws; what has been written by then is removed.
PackResult extract_shards(const std::vector<std::string>& inputs, const std::string& folder, int threads,
                          const MemoryLimit& memory, Rejects& rejects, Console& console);

}  // namespace convoy
