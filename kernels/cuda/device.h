// The GPU as the host sees it: memory, streams, events, graphs and copies. No CUDA type appears here, so that
// any file may include it; kernels/cuda/device_cuda.cu implements it with the CUDA runtime, and
// tests/cuda_emulation/device_emulated.cpp for the tests of machines that have no GPU.
//
// Everything throws Error("GPU", reason) on failure unless it says otherwise. Objects belong to the device
// that was selected on the calling thread when they were made.
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
  std::uint64_t shared_bytes_per_block = 0;  // at most, with the opt-in of the larger sizes
};

struct DeviceCount {
  int count = 0;
  std::string reason;  // why there are none: "no driver", "no GPU", ...; empty where there are some
};

// Usable GPUs. Never throws and needs neither driver nor GPU.
[[nodiscard]] DeviceCount count_devices();
[[nodiscard]] DeviceInfo device_info(int index);
// "needs 3.1 GB, 1.2 GB of 80.0 GB are free": why an allocation failed, for the message.
[[nodiscard]] std::string out_of_memory_reason(std::uint64_t needed, std::uint64_t free, std::uint64_t total);
// Makes the device current on the calling thread and creates its context. A device that this build has no
// code for is an Error.
void select_device(int index);

// Device memory, uninitialised, aligned to 256 bytes.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  // `what` names the use in the message of a failure: "activations: needs 3.1 GB, 1.2 GB of 80 GB are free".
  DeviceBuffer(std::uint64_t bytes, std::string_view what);
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    DeviceBuffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~DeviceBuffer();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  [[nodiscard]] void* data() { return data_; }
  [[nodiscard]] const void* data() const { return data_; }
  template <typename T>
  [[nodiscard]] T* as() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void swap(DeviceBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  void* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

// Page-locked host memory, which copies overlap with computing.
class HostBuffer {
 public:
  HostBuffer() = default;
  explicit HostBuffer(std::uint64_t bytes);
  HostBuffer(const HostBuffer&) = delete;
  HostBuffer& operator=(const HostBuffer&) = delete;
  HostBuffer(HostBuffer&& other) noexcept { swap(other); }
  HostBuffer& operator=(HostBuffer&& other) noexcept {
    HostBuffer taken(std::move(other));
    swap(taken);
    return *this;
  }
  ~HostBuffer();

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  template <typename T>
  [[nodiscard]] T* as() {
    return static_cast<T*>(data_);
  }
  template <typename T>
  [[nodiscard]] const T* as() const {
    return static_cast<const T*>(data_);
  }

 private:
  void swap(HostBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
  }
  void* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

class Stream;

// A point in a stream's work. Recording again moves it.
class Event {
 public:
  enum class Timing { off, on };
  explicit Event(Timing timing = Timing::off);
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Event();

  // Waits on the host until the work recorded is done; at once where nothing was recorded.
  void synchronize() const;
  // Milliseconds from `from` to this one, both recorded with Timing::on and done.
  [[nodiscard]] double milliseconds_since(const Event& from) const;
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

// A queue of work on the device, done in order, beside that of other streams.
class Stream {
 public:
  Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Stream();

  // Waits on the host until all work of this stream is done. Failures of kernels appear here.
  void synchronize() const;
  void record(const Event& event) const;
  // Work given to this stream from now on starts when what `event` recorded is done.
  void wait(const Event& event) const;
  [[nodiscard]] void* handle() const { return handle_; }

 private:
  void* handle_ = nullptr;
};

// Work captured from a stream once and launched many times with one call. Pointers and sizes are those of the
// capture.
class Graph {
 public:
  Graph() = default;
  // Captures what `work` gives to `stream`, and to other streams that wait for an event of it and that it
  // waits for again. `work` must not synchronise or allocate. Nothing runs yet.
  Graph(const Stream& stream, const std::function<void()>& work);
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  Graph(Graph&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Graph& operator=(Graph&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Graph();

  [[nodiscard]] bool captured() const { return handle_ != nullptr; }
  void launch(const Stream& stream) const;

 private:
  void* handle_ = nullptr;
};

// Copies in the order of the stream; they return before the copy is done, so both sides must outlive it and
// the host side must not be touched before the stream was synchronised. Only page-locked host memory
// overlaps with computing.
void copy_to_device(const Stream& stream, void* device, const void* host, std::uint64_t bytes);
void copy_to_host(const Stream& stream, void* host, const void* device, std::uint64_t bytes);
void copy_on_device(const Stream& stream, void* to, const void* from, std::uint64_t bytes);
void fill_zero(const Stream& stream, void* device, std::uint64_t bytes);

}  // namespace convoy::cuda
