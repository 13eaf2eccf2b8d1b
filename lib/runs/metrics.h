// Counts classification errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
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

// The number of images for each pair of class and best class that occurred, {label, predicted}, in order. Its
// memory grows with the pairs that occur, not with the square of the classes.
using Confusion = std::map<std::pair<std::size_t, std::size_t>, std::uint64_t>;
inline constexpr std::uint64_t kBytesAPair = 80;  // with the node of the map that holds it

// Totals for all images and for each class, and the confusion counts if requested.
class Metrics {
 public:
  Metrics(int classes, bool confusion);

  // probabilities: [classes]; label in [0, classes). Returns false, and counts nothing, if a probability is
  // not a finite number.
  [[nodiscard]] bool add(std::span<const float> probabilities, std::int32_t label);

  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] const std::vector<Totals>& per_class() const { return per_class_; }
  [[nodiscard]] ClassMeans class_means() const;
  [[nodiscard]] const Confusion& confusion() const { return confusion_; }  // empty if not requested

 private:
  Totals totals_;
  std::vector<Totals> per_class_;
  bool counts_confusion_;
  Confusion confusion_;
};

}  // namespace convoy
