// A decoded image.
#pragma once

#include <cstdint>
#include <vector>

namespace convoy {

// Pixels height x width x channels (HWC), interleaved, 8 bits, rows without padding; channels is 1 (gray) or
// 3 (RGB).
struct Image {
  int width = 0;
  int height = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;
};

}  // namespace convoy
