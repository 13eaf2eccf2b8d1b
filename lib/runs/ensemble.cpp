#include "lib/runs/ensemble.h"

#include <algorithm>

namespace convoy {

Ensemble::Ensemble(const std::vector<EnsembleMember>& members, int views)
    : classes_(members.front().net.net().classes()) {
  double all = 0.0;
  for (const EnsembleMember& member : members) all += member.weight;
  for (const EnsembleMember& member : members) {
    Member& added = members_.emplace_back(
        Member{.net = member.net, .views = test_views(member.net.net().input, views), .factors = {}});
    for (const View& view : added.views) added.factors.push_back(member.weight * view.count / (all * views));
  }
}

bool Ensemble::leaves_processors() const {
  return std::ranges::any_of(members_, [](const Member& member) { return member.net.overlaps_steps(); });
}

std::span<const float> Ensemble::predict(std::span<const std::uint8_t* const> images) {
  const std::size_t count = images.size() * static_cast<std::size_t>(classes_);
  means_.resize(std::max(means_.size(), count));
  const std::span<float> means = std::span(means_).first(count);
  if (members_.size() == 1 && members_.front().views.size() == 1) {
    predict_once(images, means);
    return means;
  }
  sums_.assign(count, 0.0);
  for (const Member& member : members_) add(member, images);
  std::ranges::transform(sums_, means.begin(), [](double sum) { return static_cast<float>(sum); });
  return means;
}

// The answer of one net to one view needs no mean.
void Ensemble::predict_once(std::span<const std::uint8_t* const> images, std::span<float> means) {
  const Member& member = members_.front();
  const auto classes = static_cast<std::size_t>(classes_);
  const auto at_a_time = static_cast<std::size_t>(member.net.batch());
  crops_.assign(std::min(at_a_time, images.size()), member.views.front().crop);
  for (std::size_t begin = 0; begin < images.size(); begin += at_a_time) {
    const std::size_t some = std::min(at_a_time, images.size() - begin);
    member.net.infer({.images = images.subspan(begin, some),
                      .crops = std::span(crops_).first(some),
                      .labels = {},
                      .records = {},
                      .epochs = {}},
                     means.subspan(begin * classes));
  }
}

// Adds the net's part to sums_.
void Ensemble::add(const Member& member, std::span<const std::uint8_t* const> images) {
  const std::size_t views = member.views.size();
  const auto classes = static_cast<std::size_t>(classes_);
  const auto at_a_time = static_cast<std::size_t>(member.net.batch());
  const std::size_t crops = images.size() * views;
  answers_.resize(std::max(answers_.size(), at_a_time * classes));
  for (std::size_t begin = 0, end = 0; begin < crops; begin = end) {
    end = std::min(crops, begin + at_a_time);
    pixels_.clear();
    crops_.clear();
    for (std::size_t i = begin; i < end; ++i) {
      pixels_.push_back(images[i / views]);
      crops_.push_back(member.views[i % views].crop);
    }
    member.net.infer({.images = pixels_, .crops = crops_, .labels = {}, .records = {}, .epochs = {}},
                     answers_);
    for (std::size_t i = begin; i < end; ++i) {
      const std::span<double> sums = std::span(sums_).subspan(i / views * classes, classes);
      const std::span<const float> answer = std::span(answers_).subspan((i - begin) * classes, classes);
      for (std::size_t c = 0; c < classes; ++c) sums[c] += member.factors[i % views] * answer[c];
    }
  }
}

std::uint64_t ensemble_bytes_per_image(int classes, std::size_t nets, int views) {
  const auto all_classes = static_cast<std::uint64_t>(classes);
  std::uint64_t bytes = all_classes * sizeof(float) + sizeof(Crop);
  if (nets > 1 || views > 1) bytes += all_classes * (sizeof(float) + sizeof(double)) + sizeof(void*);
  return bytes;
}

}  // namespace convoy
