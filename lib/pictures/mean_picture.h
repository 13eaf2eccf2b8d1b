// The mean image: as it is, and with its contrast stretched so that something is seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lib/base/memory.h"
#include "lib/pictures/sketch.h"

namespace convoy {

struct MeanToDraw {
  int width = 0;
  int height = 0;
  int channels = 0;           // 1 or 3
  std::vector<float> values;  // [C, H, W], finite
  std::uint64_t images = 0;   // that it is the mean of; 0: not known
  // Of a mean file: the directions in which colours vary, [C, C], and the standard deviations along them,
  // [C], as MeanStatistics has them; else empty.
  std::vector<float> eigenvectors = {};
  std::vector<float> stddev = {};
  bool has_checksum = true;
  std::string name = {};  // for messages
};

// The mean of weights, of a checkpoint, or of a file of meanimg. Throws Error if the file is none of them, if
// a value is infinite or not a number, or if there are other than one or three channels.
[[nodiscard]] MeanToDraw read_mean_to_draw(const std::string& path, const MemoryLimit& memory = {});

[[nodiscard]] Drawing draw_mean(const MeanToDraw& mean, const Page& page, const Fonts& fonts,
                                const MemoryLimit& memory = {});

}  // namespace convoy
