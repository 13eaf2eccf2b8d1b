#include "lib/runs/sampling.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "lib/base/philox.h"

namespace convoy {

Crop center_crop(const InputSpec& input) {
  Crop place;
  place.top = (input.stored.height - input.crop.height) / 2;
  place.left = (input.stored.width - input.crop.width) / 2;
  return place;
}

Crop draw_crop(const InputSpec& input, const CropRule& rule, std::uint64_t seed, std::uint32_t epoch,
               std::uint64_t record) {
  const PhiloxStream stream{.seed = seed, .epoch = epoch, .record = record, .purpose = Purpose::crop};
  Crop place = center_crop(input);
  if (rule.random) {
    const auto rows = static_cast<std::uint64_t>(input.stored.height - input.crop.height) + 1;
    const auto columns = static_cast<std::uint64_t>(input.stored.width - input.crop.width) + 1;
    place.top = static_cast<std::int32_t>(uniform_below(stream.word64(0), rows));
    place.left = static_cast<std::int32_t>(uniform_below(stream.word64(1), columns));
  }
  if (rule.mirror) place.mirror = (stream.word(4) & 1U) != 0;
  return place;
}

std::vector<std::uint64_t> epoch_order(std::uint64_t records, std::uint64_t seed, std::uint32_t epoch) {
  std::vector<std::uint64_t> order(records);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  for (std::uint64_t left = records; left > 1; --left) {
    const PhiloxStream stream{.seed = seed, .epoch = epoch, .record = left, .purpose = Purpose::order};
    std::swap(order[left - 1], order[uniform_below(stream.word64(0), left)]);
  }
  return order;
}

namespace {

const CropRule& crop_at(const TrainingStream& stream, std::uint64_t position) {
  const auto after = std::ranges::upper_bound(stream.crop_changes, position, {}, &CropChange::position);
  return after == stream.crop_changes.begin() ? stream.crop : std::prev(after)->crop;
}

}  // namespace

SampleSource training_samples(const TrainingStream& stream, std::uint64_t first_step) {
  std::uint64_t position = first_step * static_cast<std::uint64_t>(stream.batch);
  std::vector<std::uint64_t> order;
  std::optional<std::uint32_t> order_epoch;
  return [stream, position, order, order_epoch]() mutable {
    std::vector<Sample> samples(static_cast<std::size_t>(stream.batch));
    for (Sample& sample : samples) {
      sample.epoch = static_cast<std::uint32_t>(position / stream.records);
      sample.record = position % stream.records;
      if (stream.shuffle) {
        if (order_epoch != sample.epoch) {
          order = epoch_order(stream.records, stream.seed, sample.epoch);
          order_epoch = sample.epoch;
        }
        sample.record = order[sample.record];
      }
      const CropRule& rule = crop_at(stream, position);
      sample.crop = draw_crop(stream.input, rule, stream.seed, sample.epoch, sample.record);
      add_color_noise(rule.color_noise, stream.colors, stream.seed, sample.epoch, sample.record, sample.crop);
      ++position;
    }
    return samples;
  };
}

SampleSource divided(SampleSource source, const PartRange& parts) {
  if (parts.all == 1) return source;
  return [source = std::move(source), parts, part = parts.first, batch = std::vector<Sample>()]() mutable {
    if (part == parts.first) batch = source();
    const auto at = [&](int k) {
      return batch.begin() + static_cast<std::ptrdiff_t>(batch.size() * static_cast<std::size_t>(k) /
                                                         static_cast<std::size_t>(parts.all));
    };
    std::vector<Sample> samples(at(part), at(part + 1));
    if (++part == parts.end) part = parts.first;
    return samples;
  };
}

SampleSource evaluation_samples(const InputSpec& input, std::uint64_t first, std::uint64_t end, int batch) {
  return [crop = center_crop(input), end, batch, next = first]() mutable {
    std::vector<Sample> samples;
    const std::uint64_t last = std::min(end, next + static_cast<std::uint64_t>(batch));
    for (; next < last; ++next) samples.push_back({.record = next, .epoch = 0, .crop = crop});
    return samples;
  };
}

}  // namespace convoy
