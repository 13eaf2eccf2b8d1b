#include "lib/runs/evaluator.h"

#include <algorithm>
#include <vector>

#include "lib/base/finite.h"
#include "lib/runs/loader.h"

namespace convoy {

Metrics evaluate(CompiledNet& net, const Dataset& data, const EvaluationOptions& options,
                 const EvaluationHooks& hooks) {
  const auto classes = static_cast<std::size_t>(net.net().classes());
  const int size = std::min(options.batch, net.batch());
  Metrics metrics(net.net().classes(), options.confusion);
  std::vector<float> probabilities(static_cast<std::size_t>(size) * classes);
  const int threads = loading_threads(data.info().codec, options.threads, net.overlaps_steps());
  BatchLoader loader(data, evaluation_samples(net.net().input, data.size(), size), threads);
  while (const Batch* batch = loader.next()) {
    if (hooks.damaged) {
      for (const Damage& damage : batch->damaged) hooks.damaged(damage);
    }
    if (batch->size() > 0) net.infer(view_of(*batch), probabilities);
    for (std::size_t i = 0; i < batch->size(); ++i) {
      const std::span<const float> row = std::span(probabilities).subspan(i * classes, classes);
      if (!metrics.add(row, batch->labels[i])) {
        throw NotFiniteError(data.place(batch->records[i]), "the net's output for it is not a number");
      }
      if (hooks.record) hooks.record(batch->records[i], batch->labels[i], row);
    }
    if (hooks.progress && !hooks.progress(metrics.totals())) break;
  }
  return metrics;
}

}  // namespace convoy
