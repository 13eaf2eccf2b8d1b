// Small archives to begin with, and the repair of their checksums.
#pragma once

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {

// Tars of each dialect and compression, with links, folders, an archive in an archive.
[[nodiscard]] std::vector<Bytes> small_archives();

// The checksum of each tar header, and of a gzip file what stands behind its data.
void repair_archive(Bytes& bytes);

}  // namespace convoy::fuzz
