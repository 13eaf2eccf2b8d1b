// Measures the errors of a net on labelled records.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "lib/runs/ensemble.h"
#include "lib/runs/metrics.h"
#include "lib/shards/dataset.h"

namespace convoy {

struct EvaluationOptions {
  int batch = 128;  // images at a time
  int threads = 1;  // to load with
  bool confusion = false;
  // Evaluates this one of several equal shares of the records.
  int share = 0;
  int shares = 1;
};

struct EvaluationHooks {
  // Called with the damage of a record, which is then not counted; may throw.
  DamageHandler damaged;
  // Called with every counted record, in order, and its class probabilities.
  std::function<void(std::uint64_t record, std::int32_t label, std::span<const float> probabilities)> record;
  // Called after each batch with the totals so far. Returns false to stop.
  std::function<bool(const Totals& totals)> progress;
};

// Shows every record to the nets: its views are cut from pixels that are read and decoded once. The labels
// must have been checked (scan_labels). Throws NotFiniteError if an output is not a number. Hooks may be
// empty.
[[nodiscard]] Metrics evaluate(Ensemble& nets, const Dataset& data, const EvaluationOptions& options,
                               const EvaluationHooks& hooks);

}  // namespace convoy
