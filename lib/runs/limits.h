// The largest numbers that runs accept.
#pragma once

#include <cstdint>

namespace convoy {

inline constexpr std::int64_t kMaxBatch = 1 << 20;  // of train and eval, which read from mapped files
inline constexpr std::int64_t kMaxPredictedBatch = 1 << 16;  // of predict, which holds the images of a batch

}  // namespace convoy
