// Makes the checksums of a PNG file right.
#pragma once

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {

// The checksum of the compressed pixels, if the last chunk of them ends with it, and that of each chunk. A
// chunk that claims to be longer than the file ends with it.
void repair_png(Bytes& bytes);

}  // namespace convoy::fuzz
