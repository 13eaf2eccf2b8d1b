// Shards back to image files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "lib/base/console.h"
#include "lib/shards/pack.h"
#include "lib/shards/rejects.h"

namespace convoy {

// A file name that holds `text` and nothing that a file system or a terminal would take for something else:
// '/', '%', control bytes and a leading '.' or '-' become %XX, and long names are cut. Never empty.
[[nodiscard]] std::string safe_file_name(std::string_view text);

// Writes every record as an image file (PNG of raw pixels, JPEG as it is) into `folder`, which must be
// missing or empty, with a sub-folder for each class; records without label lie in `folder` itself. Records
// that would have the same name get a number. Throws Error.
PackResult extract_shards(const std::vector<std::string>& inputs, const std::string& folder, int threads,
                          Rejects& rejects, Console& console);

}  // namespace convoy
