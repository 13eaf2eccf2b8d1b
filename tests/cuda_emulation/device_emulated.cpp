// kernels/cuda/device.h on the emulated device.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "kernels/cuda/device.h"
#include "lib/base/error.h"
#include "tests/cuda_emulation/memory.h"
#include "tests/cuda_emulation/stream.h"
#include "tests/cuda_emulation/work.h"

namespace convoy::emulation {
namespace {

using Clock = std::chrono::steady_clock;
using PieceRef = std::shared_ptr<Piece>;

struct StreamState;

// The work of a graph. Nodes wait for earlier nodes.
struct Node {
  Work work;
  std::vector<std::size_t> after;
  std::uint64_t branch = 0;
};
struct Capture {
  StreamState* origin = nullptr;
  std::set<StreamState*> streams;
  std::vector<Node> nodes;
  bool ended = false;
};

struct StreamState {
  std::uint64_t branch = 0;
  PieceRef last;  // null if the stream has been given no work
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> captured_last;  // nodes that this stream's next node waits for
};

struct EventState {
  bool timing = false;
  PieceRef piece;  // null if never recorded, or recorded in a capture
  std::shared_ptr<Clock::time_point> time;
  std::shared_ptr<Capture> capture;
  std::vector<std::size_t> captured;  // nodes
};

struct GraphState {
  std::vector<Node> nodes;
  PieceRef last;  // the end of its last launch: launches of one graph do not overlap
};

[[noreturn]] void fail(const std::string& reason) { throw Error("GPU", reason); }

// All streams and the order of their work. Only one thread uses it at a time.
struct Device {
  std::recursive_mutex mutex;
  WorkList work;
  std::set<const void*> loaded;  // kernels that have run
  std::uint64_t streams = 0;     // made so far
  std::uint64_t launches = 0;    // of graphs
  int captures = 0;
};
Device& device() {
  static auto* const one = new Device;  // outlives the static objects of tests
  return *one;
}

void wait_for(const PieceRef& piece) {
  if (!piece) return;
  device().work.run_until(*piece);
  // Reported once, to the first one that waits.
  if (piece->failure) std::rethrow_exception(std::exchange(piece->failure, nullptr));
}

void append(StreamState& stream, Work work, const PieceRef& awaited = nullptr) {
  if (stream.capture) {
    std::vector<Node>& nodes = stream.capture->nodes;
    nodes.push_back({std::move(work), std::exchange(stream.captured_last, {nodes.size()}), stream.branch});
    return;
  }
  std::vector<PieceRef> after;
  if (stream.last) after.push_back(stream.last);
  if (awaited) after.push_back(awaited);
  stream.last = device().work.add(std::move(work), std::move(after), stream.branch);
}

// Whether the capture's first stream waits for everything that was captured.
bool is_joined(const Capture& capture) {
  std::vector<bool> awaited(capture.nodes.size(), false);
  for (const std::size_t node : capture.origin->captured_last) awaited[node] = true;
  for (std::size_t node = awaited.size(); node-- > 0;) {
    if (!awaited[node]) return false;  // everything that could wait for it comes later
    for (const std::size_t before : capture.nodes[node].after) awaited[before] = true;
  }
  return true;
}

StreamState& stream_of(void* handle) { return *static_cast<StreamState*>(handle); }
EventState& event_of(void* handle) { return *static_cast<EventState*>(handle); }

void refuse_in_capture(const char* what) {
  if (device().captures > 0) fail(std::string(what) + " while a graph is captured");
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
  append(stream_of(stream), std::move(work));
}

bool is_captured(void* stream) {
  const std::lock_guard lock(device().mutex);
  return stream_of(stream).capture != nullptr;
}

void check_loaded(void* stream, const void* kernel) {
  const std::lock_guard lock(device().mutex);
  if (!stream_of(stream).capture) {
    device().loaded.insert(kernel);
  } else if (!device().loaded.contains(kernel)) {
    fail("a kernel runs for the first time while a graph is captured");
  }
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
  device().work.run_all();  // a real device waits for all work too
  emulation::free_device(data);
}

HostBuffer::HostBuffer(std::uint64_t bytes) : Memory(allocate_host(bytes), bytes) {}
void FreeHost::operator()(void* data) const noexcept {
  const std::lock_guard lock(device().mutex);
  device().work.run_all();  // a real device waits for all work too
  std::free(data);
}

Stream::Stream() {
  auto state = std::make_unique<emulation::StreamState>();
  const std::lock_guard lock(device().mutex);
  state->branch = device().streams++;
  handle_.reset(state.release());
}
void DestroyStream::operator()(void* handle) const noexcept {
  const std::lock_guard lock(device().mutex);
  const std::unique_ptr<emulation::StreamState> state(static_cast<emulation::StreamState*>(handle));
  if (!state->last) return;
  device().work.run_until(*state->last);
  if (state->last->failure) {
    std::fputs("cuda emulation: a stream that nobody waited for failed\n", stderr);
  }
}
void Stream::synchronize() const {
  const std::lock_guard lock(device().mutex);
  const emulation::StreamState& state = stream_of(handle_.get());
  if (state.capture) fail("a stream is synchronised while it is captured");
  emulation::wait_for(state.last);
}
void Stream::record(const Event& event) const {
  const std::lock_guard lock(device().mutex);
  emulation::EventState& recorded = event_of(event.handle());
  emulation::StreamState& state = stream_of(handle_.get());
  recorded.capture = state.capture;
  recorded.captured = state.captured_last;
  recorded.piece = nullptr;
  if (state.capture) return;
  auto time = std::make_shared<emulation::Clock::time_point>();
  recorded.time = time;
  emulation::append(state, [time] { *time = emulation::Clock::now(); });
  recorded.piece = state.last;
}
void Stream::wait(const Event& event) const {
  const std::lock_guard lock(device().mutex);
  const emulation::EventState& awaited = event_of(event.handle());
  emulation::StreamState& state = stream_of(handle_.get());
  if (awaited.capture) {
    if (awaited.capture->ended) fail("an event of a capture that has ended is waited for");
    if (!state.capture) {  // this stream joins the capture
      state.capture = awaited.capture;
      state.capture->streams.insert(&state);
    }
    state.captured_last.insert(state.captured_last.end(), awaited.captured.begin(), awaited.captured.end());
    return;
  }
  if (!awaited.piece) return;
  if (state.capture) fail("a captured stream waits for an event from outside of the capture");
  emulation::append(state, nullptr, awaited.piece);
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
  if (state.capture) fail("an event of a capture is waited for on the host");
  emulation::wait_for(state.piece);
}
double Event::milliseconds_since(const Event& from) const {
  const std::lock_guard lock(device().mutex);
  const emulation::EventState& last = event_of(handle_.get());
  const emulation::EventState& first = event_of(from.handle());
  for (const emulation::EventState* one : {&first, &last}) {
    if (!one->timing || !one->piece || !one->piece->done) fail("an event has no time yet");
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
    const bool whole = emulation::is_joined(*capture);
    for (emulation::StreamState* one : capture->streams) {
      one->capture.reset();
      one->captured_last.clear();
    }
    capture->ended = true;
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
  auto graph = std::make_unique<emulation::GraphState>();
  graph->nodes = std::move(capture->nodes);
  handle_.reset(graph.release());
}
void DestroyGraph::operator()(void* handle) const noexcept {
  const std::unique_ptr<emulation::GraphState> graph(static_cast<emulation::GraphState*>(handle));
}
void Graph::launch(const Stream& stream) const {
  if (!handle_) fail("nothing was captured");
  const std::lock_guard lock(device().mutex);
  auto& graph = *static_cast<emulation::GraphState*>(handle_.get());
  emulation::StreamState& state = stream_of(stream.handle());
  if (state.capture) fail("a graph is launched while its stream is captured");
  // The graph begins when the stream and the graph's last launch have finished, and ends when all its
  // nodes have.
  emulation::append(state, nullptr, graph.last);
  const std::uint64_t branches = ++device().launches << 32U;
  std::vector<emulation::PieceRef> pieces;
  for (const emulation::Node& node : graph.nodes) {
    std::vector<emulation::PieceRef> after = {state.last};
    for (const std::size_t before : node.after) after.push_back(pieces[before]);
    pieces.push_back(device().work.add(node.work, std::move(after), branches + node.branch));
  }
  pieces.push_back(state.last);
  state.last = graph.last = device().work.add(nullptr, std::move(pieces), state.branch);
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
