#include "lib/net/device.h"

#include <limits>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/tool.h"
#include "lib/net/backends.h"

namespace convoy {

// Null in programs that are built without CUDA. They are declared weak only here.
// NOLINTBEGIN(readability-redundant-declaration)
[[gnu::weak]] std::unique_ptr<CompiledNet> compile_cuda(const NetSpec& net, const CompileOptions& options,
                                                        int device);
[[gnu::weak]] CudaNeed need_cuda(const NetSpec& net, const CompileOptions& options, int device);
[[gnu::weak]] MemoryLimit cuda_memory(int device);
[[gnu::weak]] CudaDevices cuda_devices();
[[gnu::weak]] std::string cuda_device_name(int index);
// NOLINTEND(readability-redundant-declaration)

namespace {

constexpr std::string_view kAutomatic = "auto";
constexpr std::string_view kCuda = "cuda";
constexpr std::string_view kCudaPrefix = "cuda:";

bool built_with_cuda() {
  return compile_cuda != nullptr && need_cuda != nullptr && cuda_memory != nullptr &&
         cuda_devices != nullptr && cuda_device_name != nullptr;
}

// The sum over the nets of need(net, options).
template <typename Need>
MemoryNeed sum_of(std::span<const NetSpec* const> nets, CompileOptions options, int images, Need&& need) {
  options.batch = images;
  MemoryNeed sum;
  for (const NetSpec* net : nets) {
    sum += need(*net, options);
    options.held_per_image = options.held = 0;
  }
  return sum;
}

Device choose_automatically() {
  Device device;
  if (!built_with_cuda()) return device;
  const CudaDevices devices = cuda_devices();
  device.note = devices.reason;
  if (devices.count == 0) return device;
  try {
    device.note = cuda_device_name(0);
    device.cuda = true;
  } catch (const Error& error) {
    device.note = error.what();
  }
  return device;
}

}  // namespace

std::string Device::text() const {
  const std::string name = cuda ? std::string(kCudaPrefix) + std::to_string(index) : std::string("cpu");
  return note.empty() ? name : name + " (" + note + ")";
}

Device choose_device(std::string_view text) {
  if (text == "cpu") return {};
  if (text == kAutomatic) return choose_automatically();
  const bool numbered = text.substr(0, kCudaPrefix.size()) == kCudaPrefix;
  if (text != kCuda && !numbered) {
    throw UsageError("--device", "'" + std::string(text) + "' is not one of auto, cpu, cuda, cuda:N");
  }
  Device device;
  device.cuda = true;
  if (numbered) {
    device.index = static_cast<int>(
        parse_integer(text.substr(kCudaPrefix.size()), "--device", 0, std::numeric_limits<int>::max()));
  }
  const std::string place = "device " + std::string(text);
  if (!built_with_cuda()) throw Error(place, "this build runs on CPU only");
  const CudaDevices devices = cuda_devices();
  if (devices.count == 0) throw Error(place, devices.reason);
  if (device.index >= devices.count) {
    throw Error(place, "this machine has " + count_of(static_cast<std::uint64_t>(devices.count), "GPU") +
                           ", counted from 0");
  }
  device.note = cuda_device_name(device.index);
  return device;
}

std::unique_ptr<CompiledNet> compile_net(const NetSpec& net, const Device& device,
                                         const CompileOptions& options) {
  return device.cuda ? compile_cuda(net, options, device.index) : compile_cpu(net, options);
}

void plan_nets(std::span<const NetSpec* const> nets, const Device& device, const CompileOptions& options) {
  const int batch = options.batch;
  const NeedOfBatch least_of = [&](int images) { return sum_of(nets, options, images, least_memory); };
  const NeedOfBatch need_of = [&](int images) {
    return sum_of(nets, options, images, [&](const NetSpec& net, const CompileOptions& how) {
      return device.cuda ? need_cuda(net, how, device.index).host : need_cpu(net, how);
    });
  };
  if (device.cuda) {
    const NeedOfBatch need_there = [&](int images) {
      return sum_of(nets, options, images, [&](const NetSpec& net, const CompileOptions& how) {
        return need_cuda(net, how, device.index).device;
      });
    };
    check_memory({need_there(batch), batch, need_there}, cuda_memory(device.index));
  } else {
    check_least_memory({least_of(batch), batch, least_of}, need_of, options.memory);
  }
  const PlannedMemory planned{need_of(batch), batch, need_of};
  check_memory(planned, options.memory);
  if (options.on_planned && !device.cuda) options.on_planned(planned);
}

}  // namespace convoy
