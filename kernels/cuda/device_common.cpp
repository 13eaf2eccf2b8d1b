// The part of kernels/cuda/device.h that needs no device.
#include <cstdio>

#include "kernels/cuda/device.h"

namespace convoy::cuda {
namespace {

std::string in_words(std::uint64_t bytes) {
  char text[32];
  if (bytes >= 1000000000) {
    std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) * 1e-9);
  } else {
    std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(bytes) * 1e-6);
  }
  return text;
}

}  // namespace

std::string out_of_memory_reason(std::uint64_t needed, std::uint64_t free, std::uint64_t total) {
  return "needs " + in_words(needed) + " of GPU memory, " + in_words(free) + " of " + in_words(total) +
         " are free";
}

}  // namespace convoy::cuda
