// The files that a training run writes.
#pragma once

#include <string>

namespace convoy {

// Throws Error if the file cannot be written, so that this shows before hours of training. Leaves "-" and
// non-regular files alone.
void check_writable(const std::string& path);

// The checkpoint of a run that writes its weights to `output`: "alexnet.safetensors" ->
// "alexnet.checkpoint.safetensors"; empty for "-".
[[nodiscard]] std::string default_checkpoint(const std::string& output);

}  // namespace convoy
