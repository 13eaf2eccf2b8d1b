// The files that a training run writes.
#pragma once

#include <string>
#include <string_view>

#include "lib/base/file.h"
#include "lib/base/output_lock.h"

namespace convoy {

// Holds an output of a run from its start, rather than only while it is written; an empty name is none.
// Throws Error if another run writes it or if no such file can be written, so that this is found before hours
// of training. Does not touch what would have to be opened to find out, such as a FIFO.
[[nodiscard]] OutputLock hold_output(const std::string& output, OutputFile::Content content);

// A file beside `output`, named after it: "alexnet.safetensors" and ".best" give "alexnet.best.safetensors".
// Empty if the output is a descriptor, such as "-", or a device.
[[nodiscard]] std::string file_beside(const std::string& output, std::string_view suffix);

// The checkpoint of a run that writes its weights to `output`: "alexnet.safetensors" ->
// "alexnet.checkpoint.safetensors"; empty if the output is a descriptor, such as "-", or a device.
[[nodiscard]] std::string default_checkpoint(const std::string& output);

}  // namespace convoy
