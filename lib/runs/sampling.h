// Which record comes when in training, and what is cut from it: pure functions of seed and position, so that
// a resumed run goes on with exactly the images that an uninterrupted one would have seen.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "formats/net.h"
#include "kernels/augment.h"

namespace convoy {

// One use of a record.
struct Sample {
  std::uint64_t record = 0;  // index in the data set
  std::uint32_t epoch = 0;
  Crop crop;
};

// How crops are taken while training. Evaluation takes the centre, unreflected.
struct CropRule {
  bool random = true;  // anywhere in the stored image with equal probability; else the centre
  bool mirror = true;  // every second image, on average, is reflected
};

// The crop in the middle; where the margin is odd, the upper left one of the two middles.
[[nodiscard]] Crop center_crop(const InputSpec& input);

// The crop of a record in an epoch. Place and reflection are separate draws: switching one off leaves the
// other as it was.
[[nodiscard]] Crop draw_crop(const InputSpec& input, const CropRule& rule, std::uint64_t seed,
                             std::uint32_t epoch, std::uint64_t record);

// The records 0 .. records-1 in the order of an epoch: a Fisher-Yates shuffle whose draws are keyed by seed
// and epoch, every order equally likely.
[[nodiscard]] std::vector<std::uint64_t> epoch_order(std::uint64_t records, std::uint64_t seed,
                                                     std::uint32_t epoch);

// Samples of one batch after another; an empty one ends the stream.
using SampleSource = std::function<std::vector<Sample>()>;

struct TrainingStream {
  InputSpec input;
  CropRule crop = {};
  std::uint64_t seed = 1;
  std::uint64_t records = 0;  // at least 1
  bool shuffle = true;        // else every epoch runs through the records in their order
  int batch = 1;
};

// The endless concatenation of epochs, cut into full batches: step s takes the positions s * batch ..
// s * batch + batch - 1, and position p is place p % records of epoch p / records. Begins with the batch of
// `first_step`.
[[nodiscard]] SampleSource training_samples(const TrainingStream& stream, std::uint64_t first_step);

// Every record once, in order, centre crop; the last batch may be smaller.
[[nodiscard]] SampleSource evaluation_samples(const InputSpec& input, std::uint64_t records, int batch);

}  // namespace convoy
