#include "lib/runs/evaluator.h"

#include <algorithm>
#include <span>

#include "lib/base/finite.h"
#include "lib/runs/loader.h"

namespace convoy {

Metrics evaluate(Ensemble& nets, const Dataset& data, const EvaluationOptions& options,
                 const EvaluationHooks& hooks) {
  const auto classes = static_cast<std::size_t>(nets.classes());
  Metrics metrics(nets.classes(), options.confusion);
  const int threads = loading_threads(data.info().codec, options.threads, nets.leaves_processors());
  const auto shares = static_cast<std::uint64_t>(options.shares);
  const auto share = static_cast<std::uint64_t>(options.share);
  const std::uint64_t first = data.size() / shares * share + std::min(data.size() % shares, share);
  const std::uint64_t end = first + data.size() / shares + (share < data.size() % shares ? 1 : 0);
  BatchLoader loader(data, evaluation_samples(nets.input(), first, end, options.batch), threads);
  while (const Batch* batch = loader.next()) {
    if (hooks.damaged) {
      for (const Damage& damage : batch->damaged) hooks.damaged(damage);
    }
    const std::span<const float> probabilities = nets.predict(batch->images);
    for (std::size_t i = 0; i < batch->size(); ++i) {
      const std::span<const float> row = probabilities.subspan(i * classes, classes);
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
