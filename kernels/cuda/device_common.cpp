// The part of kernels/cuda/device.h that needs no device.
#include "kernels/cuda/device.h"
#include "lib/base/text.h"

namespace convoy::cuda {
namespace {

std::string in_words(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  return bytes >= 1000000000 ? format("%.1f GB", value * 1e-9) : format("%.1f MB", value * 1e-6);
}

}  // namespace

std::string out_of_memory_reason(std::uint64_t needed, std::uint64_t free, std::uint64_t total) {
  return "needs " + in_words(needed) + " of GPU memory, " + in_words(free) + " of " + in_words(total) +
         " are free";
}

}  // namespace convoy::cuda
