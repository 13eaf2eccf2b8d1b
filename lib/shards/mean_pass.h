// One pass over shards that sums up all their images.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "formats/shard.h"
#include "lib/base/memory.h"
#include "lib/shards/mean_sums.h"

namespace convoy {

struct SummedImages {
  DatasetInfo info;  // of the first input; all agree except in the codec
  ImageSums sums;
};

// Called with the records done so far and the number of records (0 if an input is a pipe).
using PassProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct PassLimits {
  int threads = 1;
  MemoryLimit memory = {};
};

// Sums the images of shards (paths; "-" is standard input) on as many threads as have room in the memory.
// Files are mapped; if any input is a pipe, all are read as streams, once and without a copy on disk. Damaged
// records are left out and reported to `on_damage`, in the order of the inputs. Both callbacks run on the
// calling thread. The sums do not depend on that. Throws Error naming two inputs that do not agree, or if the
// memory is too small.
[[nodiscard]] SummedImages sum_images(const std::vector<std::string>& inputs, const PassLimits& limits,
                                      const DamageHandler& on_damage, const PassProgress& on_progress);

}  // namespace convoy
