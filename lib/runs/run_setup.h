// What a training run needs to be brought together and checked before its first step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/labels.h"
#include "lib/shards/dataset.h"

namespace convoy {

// Throws Error where a file of this name could not be written: found now, not after hours of training. "-"
// and what is not a regular file are left alone.
void check_writable(const std::string& path);

// "alexnet.safetensors" -> "alexnet.checkpoint.safetensors"; empty for "-".
[[nodiscard]] std::string default_checkpoint(const std::string& output);

struct MeanImage {
  std::vector<float> values;                   // [C, H, W]
  std::optional<Preprocessing> preprocessing;  // of the images that it is the mean of, where that is known
};
// The mean of a file that meanimg wrote; throws Error where its extent is not the one the net's input is cut
// from, or where it has values that are not finite.
[[nodiscard]] MeanImage read_mean(const std::string& path, const InputSpec& input);

// The mean of a run: of the file that --mean names, zeros for "none", or for an empty path that of the
// checkpoint `resumed` (nullptr: none). Throws UsageError where there is neither, and Error where the file
// does not fit the net or differs from the checkpoint's.
[[nodiscard]] MeanImage choose_mean(const std::string& path, const NetSpec& net, const WeightsFile* resumed);

// Warns where the images of the mean, which --mean=`path` names, were prepared in another way than those of
// the training set.
void check_mean(const MeanImage& mean, const std::string& path, const Dataset& training, Console& console);

// A training set that fits the net: extent, number of classes, every label. Throws Error.
[[nodiscard]] LabelScan check_training_set(const Dataset& data, const NetSpec& net, Console& console);

// Another labelled set that goes with the training set of `model`: extent, class table, every label. A
// difference in preprocessing is only warned of. `owner` is who has the model. Throws Error naming the first
// shard, with which the others agree.
void check_labelled_set(const Dataset& data, const Model& model, const std::string& owner, Console& console);

// That the run of a checkpoint can go on with this net and training set. Throws Error.
void check_resumable(const WeightsFile& file, const TrainingState& state, const NetSpec& net,
                     const Dataset& data, const LabelScan& labels);

// What the run of the checkpoint `before` was given to report and the resumed run `now` is not, as "--val was
// given before, and is not now": reports do not come from the checkpoint, since their files may have moved.
[[nodiscard]] std::vector<std::string> reports_left_out(const TrainingState& before,
                                                        const TrainingState& now);

}  // namespace convoy
