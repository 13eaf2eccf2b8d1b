// The files that a training run writes.
#pragma once

#include <string>

namespace convoy {

// Throws Error if no file of this name can be written, so that this is found before hours of training. Does
// not touch "-" and what is not a regular file.
void check_writable(const std::string& path);

// The checkpoint of a run that writes its weights to `output`: "alexnet.safetensors" ->
// "alexnet.checkpoint.safetensors"; empty for "-".
[[nodiscard]] std::string default_checkpoint(const std::string& output);

}  // namespace convoy
