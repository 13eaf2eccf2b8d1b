// kernels/cuda/device.h on the emulated device.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <set>
#include <vector>

#include "kernels/cuda/device.h"
#include "lib/base/error.h"
#include "tests/cuda_emulation/memory.h"
#include "tests/cuda_emulation/stream.h"

namespace convoy::emulation {
namespace {

using Work = std::function<void()>;
using Clock = std::chrono::steady_clock;

struct Capture;

struct StreamState {
  std::deque<Work> queue;
  std::uint64_t given = 0;  // pieces of work ever given
  std::uint64_t done = 0;   // of these, run
  std::exception_ptr failure;
  std::shared_ptr<Capture> capture;
  bool joined = true;  // whether the capture's first stream waits for all of this stream's work
};

struct Capture {
  StreamState* origin = nullptr;
  std::set<StreamState*> streams;
  std::vector<Work> work;
};

struct EventState {
  bool timing = false;
  std::shared_ptr<StreamState> stream;  // null where never recorded
  std::uint64_t after = 0;              // done once the stream has run so many pieces
  std::shared_ptr<Clock::time_point> time;
  std::shared_ptr<Capture> capture;
};

struct StreamHandle {
  std::shared_ptr<StreamState> state = std::make_shared<StreamState>();
};

[[noreturn]] void fail(const std::string& reason) { throw Error("GPU", reason); }

// All streams and their order of work: one at a time.
struct Device {
  std::recursive_mutex mutex;
  std::set<StreamState*> streams;
  int captures = 0;
};
Device& device() {
  static auto* const one = new Device;  // outlives the static objects of tests
  return *one;
}

void run_until(StreamState& stream, std::uint64_t count) {
  while (stream.done < count && !stream.queue.empty()) {
    const Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    ++stream.done;
    if (stream.failure) continue;  // a device that failed does nothing more
    try {
      work();
    } catch (...) {
      stream.failure = std::current_exception();
    }
  }
}

void throw_failure(StreamState& stream) {
  if (stream.failure) std::rethrow_exception(std::exchange(stream.failure, nullptr));
}

void give(StreamState& stream, Work work) {
  if (stream.capture) {
    stream.joined = &stream == stream.capture->origin;
    stream.capture->work.push_back(std::move(work));
    return;
  }
  ++stream.given;
  stream.queue.push_back(std::move(work));
}

StreamState& stream_of(void* handle) { return *static_cast<StreamHandle*>(handle)->state; }
EventState& event_of(void* handle) { return *static_cast<EventState*>(handle); }

void refuse_in_capture(const char* what) {
  if (device().captures > 0) fail(std::string(what) + " while a graph is captured");
}

// What freeing memory does on a real device: it waits for all work.
void run_everything() {
  for (StreamState* stream : device().streams) run_until(*stream, stream->given);
}

void check_device_range(const void* at, std::uint64_t bytes, const char* what) {
  if (bytes > 0 && !is_device_memory(at, bytes)) fail(std::string(what) + ": outside of device memory");
}
void check_host_range(const void* at, std::uint64_t bytes, const char* what) {
  if (bytes > 0 && is_device_memory(at, bytes))
    fail(std::string(what) + ": device memory given as host memory");
}

}  // namespace

void enqueue(void* stream, std::function<void()> work) {
  const std::lock_guard lock(device().mutex);
  give(stream_of(stream), std::move(work));
}

bool is_captured(void* stream) {
  const std::lock_guard lock(device().mutex);
  return stream_of(stream).capture != nullptr;
}

}  // namespace convoy::emulation

namespace convoy::cuda {

using emulation::device;
using emulation::event_of;
using emulation::fail;
using emulation::stream_of;

DeviceCount count_devices() { return {1, ""}; }

DeviceInfo device_info(int index) {
  if (index != 0) fail("no device " + std::to_string(index));
  DeviceInfo info;
  info.name = "emulated device";
  info.major = 9;
  info.multiprocessors = 4;
  info.total_bytes = emulation::device_total_bytes();
  info.free_bytes = emulation::device_free_bytes();
  info.shared_bytes_per_block = 227 * 1024;
  return info;
}

void select_device(int index) { static_cast<void>(device_info(index)); }
void use_device(int index) { select_device(index); }

namespace {

void* allocate_device(std::uint64_t bytes, std::string_view what) {
  const std::lock_guard lock(device().mutex);
  emulation::refuse_in_capture("memory is allocated");
  if (bytes == 0) return nullptr;
  void* data = emulation::allocate_device(bytes);
  if (data == nullptr)
    throw Error(what,
                out_of_memory_reason(bytes, emulation::device_free_bytes(), emulation::device_total_bytes()));
  return data;
}

void* allocate_host(std::uint64_t bytes) {
  if (bytes == 0) return nullptr;
  void* data = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (data == nullptr) fail("no memory for " + std::to_string(bytes) + " bytes on the host");
  std::memset(data, emulation::kPoison, bytes);
  return data;
}

}  // namespace

DeviceBuffer::DeviceBuffer(std::uint64_t bytes, std::string_view what)
    : Memory(allocate_device(bytes, what), bytes) {}
void FreeDevice::operator()(void* data) const noexcept {
  const std::lock_guard lock(device().mutex);
  emulation::run_everything();
  emulation::free_device(data);
}

HostBuffer::HostBuffer(std::uint64_t bytes) : Memory(allocate_host(bytes), bytes) {}
void FreeHost::operator()(void* data) const noexcept {
  const std::lock_guard lock(device().mutex);
  emulation::run_everything();
  std::free(data);
}

Stream::Stream() {
  auto handle = std::make_unique<emulation::StreamHandle>();
  const std::lock_guard lock(device().mutex);
  device().streams.insert(handle->state.get());
  handle_.reset(handle.release());
}
void DestroyStream::operator()(void* handle) const noexcept {
  const std::lock_guard lock(device().mutex);
  const std::unique_ptr<emulation::StreamHandle> stream(static_cast<emulation::StreamHandle*>(handle));
  emulation::StreamState& state = *stream->state;
  emulation::run_until(state, state.given);
  if (state.failure) {
    std::fputs("cuda emulation: a stream that nobody waited for failed\n", stderr);
  }
  device().streams.erase(&state);
}
void Stream::synchronize() const {
  const std::lock_guard lock(device().mutex);
  emulation::StreamState& state = stream_of(handle_.get());
  if (state.capture) fail("a stream is synchronised while it is captured");
  emulation::run_until(state, state.given);
  emulation::throw_failure(state);
}
void Stream::record(const Event& event) const {
  const std::lock_guard lock(device().mutex);
  emulation::EventState& recorded = event_of(event.handle());
  const auto& state = static_cast<emulation::StreamHandle*>(handle_.get())->state;
  auto time = std::make_shared<emulation::Clock::time_point>();
  recorded.time = time;
  recorded.stream = state;
  recorded.capture = state->capture;
  const bool joined = state->joined;
  emulation::give(*state, [time] { *time = emulation::Clock::now(); });
  if (state->capture) state->joined = joined || state->joined;
  recorded.after = state->given;
}
void Stream::wait(const Event& event) const {
  const std::lock_guard lock(device().mutex);
  const emulation::EventState& awaited = event_of(event.handle());
  if (!awaited.stream) return;
  const auto& state = static_cast<emulation::StreamHandle*>(handle_.get())->state;
  if (awaited.capture) {
    // In a capture the waiting stream joins it; the order of the captured work is the order of the calls.
    if (!state->capture) {
      state->capture = awaited.capture;
      awaited.capture->streams.insert(state.get());
      state->joined = true;
    } else if (state.get() == state->capture->origin) {
      awaited.stream->joined = true;
    }
    return;
  }
  if (state->capture) fail("a captured stream waits for an event from outside of the capture");
  if (awaited.stream == state) return;
  emulation::give(*state, [other = awaited.stream, after = awaited.after] {
    emulation::run_until(*other, after);
    emulation::throw_failure(*other);
  });
}

Event::Event(Timing timing) {
  auto state = std::make_unique<emulation::EventState>();
  state->timing = timing == Timing::on;
  handle_.reset(state.release());
}
void DestroyEvent::operator()(void* handle) const noexcept {
  const std::unique_ptr<emulation::EventState> state(static_cast<emulation::EventState*>(handle));
}
void Event::synchronize() const {
  const std::lock_guard lock(device().mutex);
  const emulation::EventState& state = event_of(handle_.get());
  if (!state.stream) return;
  if (state.capture) fail("an event of a capture is waited for on the host");
  emulation::run_until(*state.stream, state.after);
  emulation::throw_failure(*state.stream);
}
double Event::milliseconds_since(const Event& from) const {
  const std::lock_guard lock(device().mutex);
  const emulation::EventState& last = event_of(handle_.get());
  const emulation::EventState& first = event_of(from.handle());
  for (const emulation::EventState* one : {&first, &last}) {
    if (!one->timing || !one->stream || one->stream->done < one->after) fail("an event has no time yet");
  }
  return std::chrono::duration<double, std::milli>(*last.time - *first.time).count();
}

Graph::Graph(const Stream& stream, const std::function<void()>& work) {
  const auto capture = std::make_shared<emulation::Capture>();
  emulation::StreamState& state = stream_of(stream.handle());
  {
    const std::lock_guard lock(device().mutex);
    if (state.capture) fail("a stream is captured twice");
    capture->origin = &state;
    capture->streams.insert(&state);
    state.capture = capture;
    ++device().captures;
  }
  const auto end = [&] {
    const std::lock_guard lock(device().mutex);
    bool whole = true;
    for (emulation::StreamState* one : capture->streams) {
      whole = whole && one->joined;
      one->capture.reset();
      one->joined = true;
    }
    --device().captures;
    return whole;
  };
  try {
    work();
  } catch (...) {
    end();
    throw;
  }
  if (!end()) fail("a capture ends with work on a stream that was not waited for");
  handle_.reset(std::make_unique<std::vector<emulation::Work>>(std::move(capture->work)).release());
}
void DestroyGraph::operator()(void* handle) const noexcept {
  const std::lock_guard lock(device().mutex);
  emulation::run_everything();
  const std::unique_ptr<std::vector<emulation::Work>> work(
      static_cast<std::vector<emulation::Work>*>(handle));
}
void Graph::launch(const Stream& stream) const {
  if (!handle_) fail("nothing was captured");
  const auto* work = static_cast<const std::vector<emulation::Work>*>(handle_.get());
  emulation::enqueue(stream.handle(), [work] {
    for (const emulation::Work& piece : *work) piece();
  });
}

void copy_to_device(const Stream& stream, void* device, const void* host, std::uint64_t bytes) {
  emulation::check_device_range(device, bytes, "copy to the device");
  emulation::check_host_range(host, bytes, "copy to the device");
  emulation::enqueue(stream.handle(), [=] { std::memcpy(device, host, bytes); });
}
void copy_to_host(const Stream& stream, void* host, const void* device, std::uint64_t bytes) {
  emulation::check_device_range(device, bytes, "copy to the host");
  emulation::check_host_range(host, bytes, "copy to the host");
  emulation::enqueue(stream.handle(), [=] { std::memcpy(host, device, bytes); });
}
void copy_on_device(const Stream& stream, void* to, const void* from, std::uint64_t bytes) {
  emulation::check_device_range(to, bytes, "copy on the device");
  emulation::check_device_range(from, bytes, "copy on the device");
  emulation::enqueue(stream.handle(), [=] { std::memmove(to, from, bytes); });
}
void fill_zero(const Stream& stream, void* device, std::uint64_t bytes) {
  emulation::check_device_range(device, bytes, "fill");
  emulation::enqueue(stream.handle(), [=] { std::memset(device, 0, bytes); });
}

}  // namespace convoy::cuda
