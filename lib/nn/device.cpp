#include "lib/nn/device.h"

#include <limits>

#include "lib/base/error.h"
#include "lib/base/tool.h"
#include "lib/base/version.h"

namespace convoy {
namespace {

constexpr std::string_view kCuda = "cuda";
constexpr std::string_view kCudaPrefix = "cuda:";

}  // namespace

std::string Device::text() const {
  return cuda ? std::string(kCudaPrefix) + std::to_string(index) : std::string("cpu");
}

Device choose_device(std::string_view text) {
  if (text == "auto" || text == "cpu") return {};
  const bool numbered = text.substr(0, kCudaPrefix.size()) == kCudaPrefix;
  if (text != kCuda && !numbered) {
    throw UsageError("--device: '" + std::string(text) + "' is not one of auto, cpu, cuda, cuda:N");
  }
  if (numbered) {
    (void)parse_integer(text.substr(kCudaPrefix.size()), "--device", 0, std::numeric_limits<int>::max());
  }
  throw Error("device " + std::string(text), "this build runs on " + build_backends() + " only");
}

std::unique_ptr<CompiledNet> compile_net(const NetSpec& net, const Device& /*device*/,
                                         const CompileOptions& options) {
  return compile_cpu(net, options);
}

}  // namespace convoy
