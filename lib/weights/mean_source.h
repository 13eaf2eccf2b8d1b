// The mean image of weights that another program wrote.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/net.h"
#include "lib/base/memory.h"
#include "lib/weights/foreign.h"

namespace convoy {

// The mean that the user names.
struct GivenMean {
  std::string place;          // empty: none was named
  std::vector<float> values;  // [C, H, W]; empty: zeros
  Extent extent;
  bool caffe = false;  // of Caffe, so in the order BGR, and of another size than the net takes perhaps
};

// The mean of the file that --mean=`path` names; zeros for "none". A file may be one of meanimg, any
// safetensors file with a tensor "mean" of [C, H, W], [C, 1, 1] or [C], or one of Caffe (.binaryproto).
// Throws Error if it is none of these, or not finite.
[[nodiscard]] GivenMean read_given_mean(const std::string& path, const MemoryLimit& memory);

// The mean as [C, H, W] of the stored images: the given one, or else what the weights say. A mean of one
// pixel is that of all. One of Caffe is put in the order RGB, unless `channels` is "rgb", and resized by
// linear interpolation between the centres of pixels, as Caffe's tools do. Throws Error if nothing says what
// it is, or if it does not fit.
[[nodiscard]] std::vector<float> mean_of(const ForeignWeights& weights, const GivenMean& given,
                                         const std::string& channels, const InputSpec& input);

}  // namespace convoy
