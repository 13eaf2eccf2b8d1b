// The emulated device's streams, for code that gives them work.
#pragma once

#include <functional>

namespace convoy::emulation {

// Appends work to the stream with this handle (Stream::handle()). It runs some time after the stream's
// earlier work, at the latest when the host synchronises with the stream or with a later event on it; see
// work.h. Code that reads or overwrites its results without waiting for it is therefore wrong in some runs.
void enqueue(void* stream, std::function<void()> work);

// Whether the stream is being captured.
[[nodiscard]] bool is_captured(void* stream);
// Call this before a kernel is given to the stream. A device loads a kernel when it first runs, and may
// allocate and synchronise then. Throws Error if that would be while the stream is captured.
void check_loaded(void* stream, const void* kernel);

}  // namespace convoy::emulation
