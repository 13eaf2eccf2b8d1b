// The files that a training run writes.
#pragma once

#include <string>

namespace convoy {

// Throws Error if no file of this name could be written: found now, not after hours of training. "-" and what
// is not a regular file are left alone.
void check_writable(const std::string& path);

// The checkpoint of a run that writes its weights to `output`: "alexnet.safetensors" ->
// "alexnet.checkpoint.safetensors"; empty for "-".
[[nodiscard]] std::string default_checkpoint(const std::string& output);

}  // namespace convoy
