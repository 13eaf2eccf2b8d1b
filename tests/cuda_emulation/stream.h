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
// For a kernel that is about to be given to the stream. A device loads it when it runs for the first time,
// and may allocate and synchronise then: an Error where that is while the stream is captured.
void check_loaded(void* stream, const void* kernel);

}  // namespace convoy::emulation
