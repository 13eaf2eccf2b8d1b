// The processor's caches.
#pragma once

#include <cstdint>

namespace convoy {

// Bytes of a core's second-level cache; 1 MiB if the system does not say.
[[nodiscard]] std::int64_t second_level_cache_bytes();

}  // namespace convoy
