// A data set to feed training with.
#pragma once

#include <string>

namespace convoy::bench {

// Writes a shard of `images` raw images of side x side x channels random bytes, of `classes` classes in turn.
void write_random_shard(const std::string& path, int images, int side, int channels, int classes);

}  // namespace convoy::bench
