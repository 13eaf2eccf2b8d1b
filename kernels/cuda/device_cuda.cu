// Implements kernels/cuda/device.h with the CUDA runtime. The runtime is linked statically and loads the
// driver itself; without a driver its calls return an error, and the program still runs.
#include <cuda_runtime.h>

#include "kernels/cuda/device.h"
#include "lib/base/error.h"

namespace convoy::cuda {
namespace {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());  // so that the next call does not report it again
  throw Error("GPU", std::string(what) + ": " + cudaGetErrorString(status));
}

// An empty kernel; asking for its attributes shows whether this build has code for a device.
__global__ void probe() {}

cudaStream_t stream_of(const Stream& stream) { return static_cast<cudaStream_t>(stream.handle()); }
cudaEvent_t event_of(const Event& event) { return static_cast<cudaEvent_t>(event.handle()); }

}  // namespace

DeviceCount count_devices() {
  DeviceCount result;
  const cudaError_t status = cudaGetDeviceCount(&result.count);
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    result.count = 0;
    int driver = 0;
    const bool missing = cudaDriverGetVersion(&driver) == cudaSuccess && driver == 0;
    result.reason = missing ? "no NVIDIA driver" : cudaGetErrorString(status);
  } else if (result.count == 0) {
    result.reason = "no GPU";
  }
  return result;
}

DeviceInfo device_info(int index) {
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, index), "device properties");
  int before = 0;
  check(cudaGetDevice(&before), "device");
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaSetDevice(index), "device");
  const cudaError_t status = cudaMemGetInfo(&free, &total);
  check(cudaSetDevice(before), "device");
  check(status, "device memory");
  DeviceInfo info;
  info.name = properties.name;
  info.index = index;
  info.major = properties.major;
  info.minor = properties.minor;
  info.multiprocessors = properties.multiProcessorCount;
  info.total_bytes = total;
  info.free_bytes = free;
  info.shared_bytes_per_block = properties.sharedMemPerBlockOptin;
  return info;
}

void use_device(int index) { check(cudaSetDevice(index), "device"); }

void select_device(int index) {
  use_device(index);
  cudaFuncAttributes attributes;
  check(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(probe)), "this build on this GPU");
}

namespace {

void* allocate_device(std::uint64_t bytes, std::string_view what) {
  if (bytes == 0) return nullptr;
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "device memory");
    throw Error(what, out_of_memory_reason(bytes, free, total));
  }
  check(status, "device memory");
  return data;
}

void* allocate_host(std::uint64_t bytes) {
  void* data = nullptr;
  if (bytes > 0) check(cudaMallocHost(&data, bytes), "page-locked memory");
  return data;
}

}  // namespace

DeviceBuffer::DeviceBuffer(std::uint64_t bytes, std::string_view what)
    : Memory(allocate_device(bytes, what), bytes) {}
void FreeDevice::operator()(void* data) const noexcept { static_cast<void>(cudaFree(data)); }

HostBuffer::HostBuffer(std::uint64_t bytes) : Memory(allocate_host(bytes), bytes) {}
void FreeHost::operator()(void* data) const noexcept { static_cast<void>(cudaFreeHost(data)); }

Event::Event(Timing timing) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, timing == Timing::on ? cudaEventDefault : cudaEventDisableTiming),
        "event");
  handle_.reset(event);
}
void DestroyEvent::operator()(void* handle) const noexcept {
  static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(handle)));
}
void Event::synchronize() const { check(cudaEventSynchronize(event_of(*this)), "waiting for the GPU"); }
double Event::milliseconds_since(const Event& from) const {
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, event_of(from), event_of(*this)), "time of an event");
  return milliseconds;
}

Stream::Stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  handle_.reset(stream);
}
void DestroyStream::operator()(void* handle) const noexcept {
  static_cast<void>(cudaStreamDestroy(static_cast<cudaStream_t>(handle)));
}
void Stream::synchronize() const { check(cudaStreamSynchronize(stream_of(*this)), "waiting for the GPU"); }
void Stream::record(const Event& event) const {
  check(cudaEventRecord(event_of(event), stream_of(*this)), "event");
}
void Stream::wait(const Event& event) const {
  check(cudaStreamWaitEvent(stream_of(*this), event_of(event), 0), "event");
}

Graph::Graph(const Stream& stream, const std::function<void()>& work) {
  check(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal), "capture");
  cudaGraph_t graph = nullptr;
  try {
    work();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream_of(stream), &graph));
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check(cudaStreamEndCapture(stream_of(stream), &graph), "capture");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(status, "graph");
  handle_.reset(executable);
}
void DestroyGraph::operator()(void* handle) const noexcept {
  static_cast<void>(cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(handle)));
}
void Graph::launch(const Stream& stream) const {
  if (!handle_) throw Error("GPU", "nothing was captured");
  check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(handle_.get()), stream_of(stream)), "graph");
}

void copy_to_device(const Stream& stream, void* device, const void* host, std::uint64_t bytes) {
  check(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream_of(stream)), "copy to the GPU");
}
void copy_to_host(const Stream& stream, void* host, const void* device, std::uint64_t bytes) {
  check(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_of(stream)), "copy from the GPU");
}
void copy_on_device(const Stream& stream, void* to, const void* from, std::uint64_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(stream)), "copy on the GPU");
}
void fill_zero(const Stream& stream, void* device, std::uint64_t bytes) {
  check(cudaMemsetAsync(device, 0, bytes, stream_of(stream)), "fill");
}

}  // namespace convoy::cuda
