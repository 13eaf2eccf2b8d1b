// Which record comes when in training, and which crop is taken from it: pure functions of seed and position,
// so that a resumed run continues with exactly the images that an uninterrupted one would have seen.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"
#include "lib/runs/color_noise.h"

namespace convoy {

// One use of a record.
struct Sample {
  std::uint64_t record = 0;  // index in the data set
  std::uint32_t epoch = 0;
  Crop crop;
};

// How crops are taken in training. Evaluation takes the centre, unreflected, without noise.
struct CropRule {
  bool random = true;  // anywhere in the stored image, with equal probability; else the centre
  bool mirror = true;  // reflects an image with probability 1/2
  ColorNoise color_noise = {};
};

// From this position in the stream of training images on, another rule holds.
struct CropChange {
  std::uint64_t position = 0;
  CropRule crop;
};

// The crop in the middle; if a margin is odd, the one nearer to the top or the left.
[[nodiscard]] Crop center_crop(const InputSpec& input);

// The crop of a record in an epoch, without noise. Position and reflection are separate draws: switching one
// off does not change the other.
[[nodiscard]] Crop draw_crop(const InputSpec& input, const CropRule& rule, std::uint64_t seed,
                             std::uint32_t epoch, std::uint64_t record);

// The records 0 .. records-1 in the order of an epoch: a Fisher-Yates shuffle whose draws are keyed by seed
// and epoch; every order is equally likely.
[[nodiscard]] std::vector<std::uint64_t> epoch_order(std::uint64_t records, std::uint64_t seed,
                                                     std::uint32_t epoch);

// Returns the samples of the next batch; an empty one ends the stream.
using SampleSource = std::function<std::vector<Sample>()>;

struct TrainingStream {
  InputSpec input;
  CropRule crop = {};
  std::vector<CropChange> crop_changes = {};  // by position
  ColorStatistics colors = {};                // for colour noise
  std::uint64_t seed = 1;
  std::uint64_t records = 0;  // at least 1
  bool shuffle = true;        // else every epoch takes the records in their order
  int batch = 1;
};

// The endless sequence of epochs, cut into full batches: step s takes the positions s * batch .. s *
// batch + batch - 1, and position p is number p % records of epoch p / records. Begins with the batch of
// step `first_step`.
[[nodiscard]] SampleSource training_samples(const TrainingStream& stream, std::uint64_t first_step);

// Some of the parts that a batch is cut into: [first, end) of `all`.
struct PartRange {
  int all = 1;
  int first = 0;
  int end = 1;
  [[nodiscard]] int count() const { return end - first; }
};
// These parts of each batch of `source`, one after another: part k of a batch of n samples has the samples
// k * n / all to (k + 1) * n / all - 1.
[[nodiscard]] SampleSource divided(SampleSource source, const PartRange& parts);

// The records [first, end) once, in order, with the centre crop; the last batch may be smaller.
[[nodiscard]] SampleSource evaluation_samples(const InputSpec& input, std::uint64_t first, std::uint64_t end,
                                              int batch);

}  // namespace convoy
