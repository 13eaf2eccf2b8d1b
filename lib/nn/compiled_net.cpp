#include "lib/nn/compiled_net.h"

#include <cmath>

#include "lib/base/error.h"

namespace convoy {

void CompiledNet::start_step(const BatchView& batch, const SgdRule& rule) {
  if (started_.size() >= kMaxStartedSteps) throw Error("net", "too many steps started");
  started_.push_back(train_step(batch, rule));
}

BatchResult CompiledNet::finish_step() {
  if (started_.empty()) throw Error("net", "no step was started");
  const BatchResult result = started_.front();
  started_.pop_front();
  return result;
}

int rank_of_label(std::span<const float> scores, std::int32_t label) {
  const auto own = static_cast<std::size_t>(label);
  const float score = scores[own];
  if (std::isnan(score)) return static_cast<int>(scores.size());
  int rank = 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    const bool ahead = scores[c] > score || std::isnan(scores[c]) || (scores[c] == score && c < own);
    rank += ahead ? 1 : 0;
  }
  return rank;
}

}  // namespace convoy
