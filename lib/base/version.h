// The version of the program, and what this build can run on.
#pragma once

#include <string>

namespace convoy {

inline constexpr const char* kVersion = "0.1.0";

// "CPU" or "CPU, CUDA": what this build can run on.
[[nodiscard]] std::string build_backends();

}  // namespace convoy
