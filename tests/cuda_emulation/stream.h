// Streams of the emulated device: work that waits until somebody waits for it.
#pragma once

#include <functional>

namespace convoy::emulation {

// Appends work to the stream with this handle (Stream::handle()). It runs when the host synchronises with the
// stream or with an event behind it, never earlier: whatever is read or overwritten without waiting for it
// is then wrong in every run, not in some.
void enqueue(void* stream, std::function<void()> work);

// Whether what is given to the stream is captured.
[[nodiscard]] bool is_captured(void* stream);

}  // namespace convoy::emulation
