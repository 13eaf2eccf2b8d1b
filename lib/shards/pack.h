// From shards to shards: merged, shuffled, split, cut, transcoded.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/console.h"
#include "lib/base/memory.h"
#include "lib/base/part.h"
#include "lib/shards/rejects.h"
#include "lib/shards/shuffle.h"

namespace convoy {

struct PackOptions {
  std::vector<std::string> inputs;
  std::string output;  // a file, "-", or a pattern (OutputPattern)
  // Throws UsageError for the name of an output that must not be written. Called for each name of a pattern.
  std::function<void(const std::string&)> check_output = [](const std::string&) {};
  bool shuffle = false;
  std::uint64_t seed = 0;
  std::uint64_t memory = 0;  // payload bytes to hold at a time while shuffling
  std::vector<SplitPart> split;
  SplitBy split_by = SplitBy::by_class;
  std::uint64_t shards = 0;     // outputs of equal size (for each part); 0: not given
  std::uint64_t per_shard = 0;  // records of each output; 0: not given
  // Only these of all outputs are written: of several numbered ones (of each part of a split) this part, or
  // else this part of the records of each, which is then the output that `shards` = part->count would number
  // part->number - 1. No output may replace an input: other runs read it for their parts.
  std::optional<Part> part;
  std::optional<Codec> codec;  // of the outputs; nothing: the inputs' codec
  int quality = 0;             // for raw payloads that become JPEG; JPEG payloads stay unchanged
  int threads = 1;
  MemoryLimit limit = {};
};

struct PackResult {
  std::uint64_t records = 0;
  std::uint64_t outputs = 0;  // files
};

// What transcoding, or writing as image files, takes for each thread: records that wait or are in work, in
// both forms, and what a codec takes.
[[nodiscard]] std::uint64_t transcoding_bytes(const DatasetInfo& info);

// Damaged records go to `rejects` and leave their positions empty: they change neither the order of the
// others nor where the outputs end. The bytes written depend on neither threads nor memory. Throws Error
// naming two inputs that do not agree, or if the limit is too small, and UsageError if the output pattern
// does not fit. Throws what Rejects::conclude() throws; then, and if a reject ends the run, no output gets
// its name.
PackResult pack(const PackOptions& options, Rejects& rejects, Console& console);

}  // namespace convoy
