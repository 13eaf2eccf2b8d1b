#include "lib/runs/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/softmax.h"
#include "lib/base/finite.h"

namespace convoy {

void Totals::add(const BatchResult& result, std::size_t count) {
  images += count;
  top1_wrong += static_cast<std::uint64_t>(result.top1_wrong);
  top5_wrong += static_cast<std::uint64_t>(result.top5_wrong);
  loss_sum += result.loss_sum;
}

void Totals::add(const Totals& other) {
  images += other.images;
  top1_wrong += other.top1_wrong;
  top5_wrong += other.top5_wrong;
  loss_sum += other.loss_sum;
}

std::vector<std::int32_t> top_classes(std::span<const float> scores, std::size_t k) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto best = order.begin() + static_cast<std::ptrdiff_t>(std::min(k, order.size()));
  std::partial_sort(order.begin(), best, order.end(), [scores](std::int32_t a, std::int32_t b) {
    const float score_a = scores[static_cast<std::size_t>(a)];
    const float score_b = scores[static_cast<std::size_t>(b)];
    return score_a != score_b ? score_a > score_b : a < b;
  });
  order.erase(best, order.end());
  return order;
}

Metrics::Metrics(int classes, bool confusion)
    : per_class_(static_cast<std::size_t>(classes)), counts_confusion_(confusion) {}

bool Metrics::add(std::span<const float> probabilities, std::int32_t label) {
  if (!all_finite(probabilities)) return false;
  const int rank = rank_of_label(probabilities, label);
  const auto row = static_cast<std::size_t>(label);
  // A probability that float32 rounds to 0 costs as much as the smallest normal one, not infinitely much.
  const float probability = std::max(probabilities[row], std::numeric_limits<float>::min());
  const Totals one{.images = 1,
                   .top1_wrong = rank >= 1 ? 1U : 0U,
                   .top5_wrong = rank >= static_cast<int>(kTopK) ? 1U : 0U,
                   .loss_sum = -std::log(static_cast<double>(probability))};
  totals_.add(one);
  per_class_[row].add(one);
  if (counts_confusion_) {
    ++confusion_[{row, static_cast<std::size_t>(top_classes(probabilities, 1).front())}];
  }
  return true;
}

ClassMeans Metrics::class_means() const {
  ClassMeans means;
  std::size_t present = 0;
  for (const Totals& one : per_class_) {
    if (one.images == 0) continue;
    ++present;
    means.top1_error += one.top1_error();
    means.top5_error += one.top5_error();
    means.loss += one.loss();
  }
  if (present == 0) return means;
  const auto count = static_cast<double>(present);
  return {means.top1_error / count, means.top5_error / count, means.loss / count};
}

}  // namespace convoy
