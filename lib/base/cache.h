// The processor's caches.
#pragma once

#include <cstdint>

namespace convoy {

// Bytes of the second-level cache of a core; 1 MiB where the system does not say.
[[nodiscard]] std::int64_t second_level_cache_bytes();

}  // namespace convoy
