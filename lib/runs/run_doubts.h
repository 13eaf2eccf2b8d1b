// What is said before the first step of a run that can be done, but is perhaps not what was meant.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/dataset_info.h"
#include "lib/base/console.h"
#include "lib/base/memory.h"
#include "lib/net/memory_need.h"
#include "lib/runs/interval.h"
#include "lib/runs/labels.h"
#include "lib/runs/training_options.h"

namespace convoy {

// An interval that the user gave, and its option: "--log-every".
using GivenInterval = std::pair<std::string, Interval>;

// What is known of a run before its first step.
struct RunFacts {
  const TrainingOptions& options;
  std::uint64_t records = 0;
  std::uint64_t total_steps = 0;
  std::span<const ClassInfo> classes;      // of the training set
  const LabelScan& labels;                 // of the training set
  const LabelScan* validation = nullptr;   // nullptr: none
  std::vector<std::string> shared_shards;  // that are in both sets
  std::span<const GivenInterval> intervals;
};

struct RunDoubts {
  std::vector<std::string> warnings;  // the result may be worth nothing
  std::vector<std::string> notes;
};
[[nodiscard]] RunDoubts doubts_about(const RunFacts& run);

// A warning, with figures and the batch that would fit, of a run that needs more memory than is free at the
// moment. Nothing if it fits, or if that is not known.
[[nodiscard]] std::optional<std::string> memory_warning(const PlannedMemory& planned,
                                                        const std::optional<AvailableMemory>& available);

// Says what the net will need: in detail, and as a warning if that is more than is free at the moment, or if
// one image takes gigabytes, which a file of weights does not show. lead: "w.safetensors: ", or nothing.
void say_memory(const PlannedMemory& planned, const std::string& lead, Console& console);

// A warning of a net so large that one image takes long. Nothing of others.
[[nodiscard]] std::optional<std::string> work_warning(const NetSpec& net);

}  // namespace convoy
