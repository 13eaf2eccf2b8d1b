// Streams of the emulated device, for what gives them work.
#pragma once

#include <functional>

namespace convoy::emulation {

// Appends work to the stream with this handle (Stream::handle()). It runs at some time after what was given
// to the stream before, at the latest when the host synchronises with the stream or with an event behind it:
// work.h. What reads or overwrites its results without waiting for it is then wrong in some runs.
void enqueue(void* stream, std::function<void()> work);

// Whether what is given to the stream is captured.
[[nodiscard]] bool is_captured(void* stream);

}  // namespace convoy::emulation
