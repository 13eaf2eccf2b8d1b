// IDX, the format of MNIST and Fashion-MNIST: a big-endian header (two zero bytes, the type, the number of
// dimensions, the dimensions), then the values.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/image.h"

namespace convoy {

// Limit on the size of an unpacked IDX file; MNIST's largest has 47 MB.
inline constexpr std::uint64_t kMaxIdxBytes = std::uint64_t{1} << 34;

// An array of unsigned bytes, row-major.
struct IdxArray {
  std::vector<std::uint32_t> dims;
  std::vector<std::uint8_t> values;
};

// Throws FormatError(place, offset, reason) if the type is not unsigned byte, or if the size does not match
// the header.
[[nodiscard]] IdxArray parse_idx(std::vector<std::uint8_t> bytes, std::string_view place);

// Reads a file, gzipped or not.
[[nodiscard]] IdxArray read_idx(const std::string& path);

// Images [N, H, W] or [N, H, W, C], with C = 1 or 3, and their labels [N].
struct IdxPair {
  std::uint64_t count = 0;
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> labels;
  [[nodiscard]] Image image(std::uint64_t index) const;
};

// Reads both files and checks that they match. Throws Error naming the file.
[[nodiscard]] IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path,
                                    const ImageLimits& limits);

}  // namespace convoy
