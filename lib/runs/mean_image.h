// The mean image that a training run subtracts.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/shards/dataset.h"

namespace convoy {

struct MeanImage {
  std::vector<float> values;                        // [C, H, W]
  std::optional<Preprocessing> preprocessing = {};  // of the images that it is the mean of, if known
  std::optional<ColorStatistics> colors = {};       // of these images, if they are asked for
  bool has_checksum = true;                         // of its file: else damage would not show
};
// Whether a run needs colour statistics: those with --color-noise do.
enum class WantedColors { no, yes };

// The mean of a file that meanimg wrote. Throws Error if its extent is not that of the stored images that the
// net takes, or if a value is not finite; likewise for the colour statistics, if they are wanted.
[[nodiscard]] MeanImage read_mean(const std::string& path, const InputSpec& input,
                                  WantedColors wanted = WantedColors::no, const MemoryLimit& memory = {});

// The mean of a run: of the file that --mean names, zeros for "none", or for an empty path that of the
// checkpoint `resumed` (nullptr: none). Throws UsageError if there is neither, and Error if the file does not
// fit the net or differs from the checkpoint's. The colour statistics, if they are wanted, come from there,
// too; a checkpoint that has them keeps them in any case. Throws UsageError if the net does not take colours.
[[nodiscard]] MeanImage choose_mean(const std::string& path, const NetSpec& net, const WeightsFile* resumed,
                                    WantedColors wanted, const MemoryLimit& memory = {});

// Throws UsageError if `path`, what --mean names, is empty.
void require_mean(const std::string& path);

// Warns if the images of the mean, which --mean=`path` names, were prepared in another way than those of the
// training set. With -v, says so if its file has no checksum.
void check_mean(const MeanImage& mean, const std::string& path, const Dataset& training, Console& console);

}  // namespace convoy
