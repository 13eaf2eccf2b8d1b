// The mean image and the colour statistics, and the file that stores them (man/convoy-weights.5).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/image.h"
#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/base/memory.h"
#include "lib/shards/mean_sums.h"

namespace convoy {

// numerator / denominator, rounded once, to nearest, ties to even. The denominator is at least 1, the
// quotient at most 2^24.
[[nodiscard]] float round_ratio(std::uint64_t numerator, std::uint64_t denominator);

struct MeanStatistics {
  std::vector<float> mean;          // [C, H, W], each one the exact mean, rounded once
  std::vector<float> channel_mean;  // [C], likewise, over all pixels
  // The eigendecomposition of the covariance of a pixel's channels over all pixels (divided by their number):
  // row i of `eigenvectors`, of length one, is the direction in which pixels vary with standard deviation
  // stddev[i], in units of 0..255. The largest comes first. In each vector the component with the largest
  // absolute value (the first of them) is positive.
  std::vector<float> eigenvectors;  // [C, C]
  std::vector<float> stddev;        // [C]
};
// sums.count is at least 1.
[[nodiscard]] MeanStatistics statistics_of(const ImageSums& sums);

// The mean as an image, rounded to whole values.
[[nodiscard]] Image mean_picture(const ImageSums& sums);

// What a mean file stores.
struct MeanFile {
  ImageSums sums;
  Preprocessing preprocessing;  // of the images
  bool has_checksum = true;     // of a file that was read: else damage would not show
};
// Throws Error for weights and for a checkpoint, which hold a tensor named as the mean is, with what their
// own training subtracted.
void refuse_weights(const SafetensorsFile& file);
// Throws Error if something is missing or inconsistent, or if the memory is too small for two of such sums
// and what is made of them.
[[nodiscard]] MeanFile read_mean_file(const std::string& path, const MemoryLimit& memory = {});
// The same of a file that is open already, such as one from a pipe.
[[nodiscard]] MeanFile mean_file_from(const SafetensorsFile& file, const MemoryLimit& memory = {});
// sums.count is at least 1. The caller commits `out`.
void write_mean_file(OutputFile& out, const MeanFile& mean);

}  // namespace convoy
