// Makes what the header of a safetensors file says of its lengths right.
#pragma once

#include "tests/fuzz/common/reader.h"

namespace convoy::fuzz {

// The length of the header becomes that of the first JSON object, the rest of the file as long as its tensors
// say, and the checksums of convoy's metadata those of the content. Bytes in which there is no such object
// stay as they are.
void repair_safetensors(Bytes& bytes);

}  // namespace convoy::fuzz
