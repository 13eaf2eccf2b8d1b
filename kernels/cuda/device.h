// The GPU as the host sees it: memory, streams, events, graphs and copies. No CUDA type appears here, so that
// any file may include it. kernels/cuda/device_cuda.cu implements it with the CUDA runtime, and
// tests/cuda_emulation/device_emulated.cpp for tests on machines without a GPU.
//
// Everything throws Error("GPU", reason) on failure unless it says otherwise. Objects belong to the device
// that was current on the calling thread when they were made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace convoy::cuda {

struct DeviceInfo {
  std::string name;
  int index = 0;
  int major = 0;  // compute capability
  int minor = 0;
  int multiprocessors = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
  std::uint64_t shared_bytes_per_block = 0;  // the limit, with the opt-in for larger sizes
};

struct DeviceCount {
  int count = 0;
  std::string reason;  // why there are none: "no driver", "no GPU", ...; empty if there are some
};

// Usable GPUs. Never throws and needs neither driver nor GPU.
[[nodiscard]] DeviceCount count_devices();
[[nodiscard]] DeviceInfo device_info(int index);
// "needs 3.1 GB, 1.2 GB of 80.0 GB are free": why an allocation failed, for the message.
[[nodiscard]] std::string out_of_memory_reason(std::uint64_t needed, std::uint64_t free, std::uint64_t total);
// Makes the device current on the calling thread and creates its context. Error if this build has no code for
// the device.
void select_device(int index);
// Makes a device current that was selected before, on this thread or another. Cheap enough for each step.
void use_device(int index);

// Bytes of one kind of memory, uninitialised. Release frees them.
template <typename Release>
class Memory {
 public:
  Memory() = default;
  [[nodiscard]] std::uint64_t bytes() const { return data_ ? bytes_ : 0; }
  [[nodiscard]] void* data() { return data_.get(); }
  [[nodiscard]] const void* data() const { return data_.get(); }
  template <typename T>
  [[nodiscard]] T* as() {
    return static_cast<T*>(data_.get());
  }
  template <typename T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data_.get());
  }

 protected:
  // Takes ownership of the allocation; `data` is null if `bytes` is 0.
  Memory(void* data, std::uint64_t bytes) : data_(data), bytes_(bytes) {}

 private:
  std::unique_ptr<void, Release> data_;
  std::uint64_t bytes_ = 0;
};

struct FreeDevice {
  void operator()(void* data) const noexcept;
};
// Device memory, aligned to 256 bytes.
class DeviceBuffer : public Memory<FreeDevice> {
 public:
  DeviceBuffer() = default;
  // `what` names the use in the message of a failure: "activations: needs 3.1 GB, 1.2 GB of 80 GB are free".
  DeviceBuffer(std::uint64_t bytes, std::string_view what);
};

struct FreeHost {
  void operator()(void* data) const noexcept;
};
// Page-locked host memory: copies to and from it overlap with computation.
class HostBuffer : public Memory<FreeHost> {
 public:
  HostBuffer() = default;
  explicit HostBuffer(std::uint64_t bytes);
};

struct DestroyEvent {
  void operator()(void* handle) const noexcept;
};
struct DestroyStream {
  void operator()(void* handle) const noexcept;
};
struct DestroyGraph {
  void operator()(void* handle) const noexcept;
};

class Stream;

// A point in a stream's work. Recording it again moves it.
class Event {
 public:
  enum class Timing { off, on };
  explicit Event(Timing timing = Timing::off);

  // Waits on the host until the recorded work is done; returns at once if nothing was recorded.
  void synchronize() const;
  // Milliseconds from `from` to this event; both have Timing::on and are done.
  [[nodiscard]] double milliseconds_since(const Event& from) const;
  [[nodiscard]] void* handle() const { return handle_.get(); }

 private:
  std::unique_ptr<void, DestroyEvent> handle_;
};

// A queue of work on the device: its work is done in order, concurrently with that of other streams.
class Stream {
 public:
  Stream();

  // Waits on the host until all work of this stream is done. Failures of kernels surface here.
  void synchronize() const;
  void record(const Event& event) const;
  // Work that is enqueued from now on starts when the work that `event` recorded is done.
  void wait(const Event& event) const;
  [[nodiscard]] void* handle() const { return handle_.get(); }

 private:
  std::unique_ptr<void, DestroyStream> handle_;
};

// Work that is captured from a stream once, and launched any number of times by one call each. Pointers and
// sizes are those of the capture.
class Graph {
 public:
  Graph() = default;
  // Captures what `work` enqueues on `stream`, and on other streams that wait for one of its events and that
  // it waits for in the end. `work` must not synchronise or allocate. Nothing runs yet.
  Graph(const Stream& stream, const std::function<void()>& work);

  [[nodiscard]] bool captured() const { return handle_ != nullptr; }
  void launch(const Stream& stream) const;

 private:
  std::unique_ptr<void, DestroyGraph> handle_;
};

// Copies in the order of the stream. They return before the copy is done, so both sides must outlive it, and
// the host side must not be touched before the stream has been synchronised. Only copies from and to
// page-locked memory overlap with computation.
void copy_to_device(const Stream& stream, void* device, const void* host, std::uint64_t bytes);
void copy_to_host(const Stream& stream, void* host, const void* device, std::uint64_t bytes);
void copy_on_device(const Stream& stream, void* to, const void* from, std::uint64_t bytes);
void fill_zero(const Stream& stream, void* device, std::uint64_t bytes);

}  // namespace convoy::cuda
