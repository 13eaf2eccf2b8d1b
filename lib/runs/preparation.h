// What train makes of its options before the first step: everything is read, checked and held.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lib/base/console.h"
#include "lib/base/options.h"
#include "lib/base/output_lock.h"
#include "lib/net/compiled_net.h"
#include "lib/ranks/ranks.h"
#include "lib/runs/augmented_dump.h"
#include "lib/runs/earlier_run.h"
#include "lib/runs/prepared_run.h"
#include "lib/runs/run_outputs.h"
#include "lib/shards/rejects.h"

namespace convoy {

// What a run holds before its first step. Only the rank that leads has outputs.
struct Preparation {
  RunOptions reports;
  std::vector<OutputLock> held;         // outputs
  std::unique_ptr<AugmentedDump> dump;  // nullptr: none
  std::optional<PreparedRun> run;
  std::optional<Rejects> rejects;
  std::uint64_t records = 0;  // of the training set and the validation set, damaged ones included
  std::unique_ptr<CompiledNet> net;
};

// Prepares the run of `options`. They, `ranks` and `console` must outlive what is made. Throws Error and
// UsageError.
void prepare(const Options& options, const RunFiles& files, Ranks& ranks, Console& console,
             Preparation& made);

}  // namespace convoy
