#include "lib/nn/compiled_net.h"

#include <cmath>

namespace convoy {

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
