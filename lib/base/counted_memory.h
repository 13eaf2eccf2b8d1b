// Memory for what is small in ordinary use, and large only in what a stranger sends.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/base/memory.h"

namespace convoy {

// Bytes that are not compared with the limit: the program itself takes more.
inline constexpr std::uint64_t kUncountedBytes = std::uint64_t{1} << 20;

// Throws as require_memory() if so many bytes are more than both the limit and kUncountedBytes.
inline void require_counted_memory(std::uint64_t bytes, const MemoryLimit& limit, std::string_view place,
                                   std::string_view what) {
  if (bytes > kUncountedBytes) require_memory(bytes, limit, place, what);
}

}  // namespace convoy
