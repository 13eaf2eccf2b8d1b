// Counts classification errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/net/compiled_net.h"

namespace convoy {

// Sums over labelled images. The rates are 0 if there are no images.
struct Totals {
  std::uint64_t images = 0;
  std::uint64_t top1_wrong = 0;
  std::uint64_t top5_wrong = 0;
  double loss_sum = 0.0;

  void add(const BatchResult& result, std::size_t count);
  void add(const Totals& other);
  [[nodiscard]] double loss() const { return mean(loss_sum); }  // nats
  [[nodiscard]] double top1_error() const {
    return mean(static_cast<double>(top1_wrong));
  }  // fraction, 0 to 1
  [[nodiscard]] double top5_error() const { return mean(static_cast<double>(top5_wrong)); }
  bool operator==(const Totals&) const = default;

 private:
  [[nodiscard]] double mean(double sum) const {
    return images == 0 ? 0.0 : sum / static_cast<double>(images);
  }
};

// The k best classes (all of them, if there are fewer), best first; of equal scores the smaller index
// comes first.
[[nodiscard]] std::vector<std::int32_t> top_classes(std::span<const float> scores, std::size_t k);

// Means over classes that have images, each class counting as much as any other. 0 if no class has images.
struct ClassMeans {
  double top1_error = 0.0;
  double top5_error = 0.0;
  double loss = 0.0;
};

// Totals for all images and for each class, and the confusion matrix if requested.
class Metrics {
 public:
  // Throws Error if a confusion matrix is requested for more than kMaxConfusionClasses classes.
  Metrics(int classes, bool confusion);

  // probabilities: [classes]; label in [0, classes). Returns false, and counts nothing, if a probability is
  // not a finite number.
  [[nodiscard]] bool add(std::span<const float> probabilities, std::int32_t label);

  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] const std::vector<Totals>& per_class() const { return per_class_; }
  [[nodiscard]] ClassMeans class_means() const;
  // Images of class `label` whose best class is `predicted`. Only with a confusion matrix.
  [[nodiscard]] std::uint64_t confusion(std::size_t label, std::size_t predicted) const;

 private:
  Totals totals_;
  std::vector<Totals> per_class_;
  std::vector<std::uint64_t> confusion_;  // [label, predicted]; empty if not requested
};

inline constexpr int kMaxConfusionClasses = 20'000;

}  // namespace convoy
