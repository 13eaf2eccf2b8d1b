// Shards to shards: merged, shuffled, split, cut, transcoded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/console.h"
#include "lib/shards/rejects.h"
#include "lib/shards/shuffle.h"

namespace convoy {

struct PackOptions {
  std::vector<std::string> inputs;
  std::string output;  // a file, "-", or a pattern (OutputPattern)
  bool shuffle = false;
  std::uint64_t seed = 0;
  std::uint64_t memory = 0;  // payload bytes to hold at a time while shuffling
  std::vector<SplitPart> split;
  std::uint64_t shards = 0;     // outputs (of each part) with equally many records; 0: not given
  std::uint64_t per_shard = 0;  // records of each output; 0: not given
  std::optional<Codec> codec;   // of the outputs; nothing: that of the inputs
  int quality = 0;              // for raw payloads that become JPEG; JPEG payloads stay as they are
  int threads = 1;
};

struct PackResult {
  std::uint64_t records = 0;
  std::uint64_t outputs = 0;  // files
  int signal = 0;             // that ended the work before it was done: the output begun then is not there
};

// Half of the machine's memory.
[[nodiscard]] std::uint64_t default_memory();

// Damaged records go to `rejects` and leave their place empty: they change neither the order nor the limits
// of the other outputs. The bytes written depend on neither threads nor memory. Throws Error where the inputs
// do not go together (naming two that do not), UsageError for an output pattern that does not serve.
PackResult pack(const PackOptions& options, Rejects& rejects, Console& console);

}  // namespace convoy
