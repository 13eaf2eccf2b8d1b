// For tests of whole nets: batches of random images, and the same initial state for every backend.
#pragma once

#include <cmath>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "lib/net/compiled_net.h"
#include "lib/net/init.h"
#include "tests/support/tensors.h"

namespace convoy {

// Random images and everything else a BatchView needs.
struct RandomBatch {
  std::vector<std::vector<std::uint8_t>> pixels;
  std::vector<const std::uint8_t*> images;
  std::vector<Crop> crops;
  std::vector<std::int32_t> labels;
  std::vector<std::uint64_t> records;
  std::vector<std::uint32_t> epochs;

  RandomBatch(const NetSpec& net, int count, std::uint64_t seed) {
    TestRandom random(seed);
    const Extent& stored = net.input.stored;
    for (int n = 0; n < count; ++n) {
      std::vector<std::uint8_t> image(static_cast<std::size_t>(stored.elements()));
      for (std::uint8_t& value : image) value = static_cast<std::uint8_t>(random.below(256));
      pixels.push_back(std::move(image));
      crops.push_back({random.below(stored.height - net.input.crop.height + 1),
                       random.below(stored.width - net.input.crop.width + 1),
                       random.below(2) == 1,
                       {static_cast<float>(random.next()), static_cast<float>(random.next()), 0.5F},
                       n % 2 == 0 ? 1.0F : 0.9F});
      labels.push_back(random.below(net.classes()));
      records.push_back(static_cast<std::uint64_t>(random.below(1000)));
      epochs.push_back(static_cast<std::uint32_t>(random.below(90)));
    }
    for (const auto& image : pixels) images.push_back(image.data());
  }
  [[nodiscard]] BatchView view() const { return {images, crops, labels, records, epochs}; }
};

// Of a batch that a step takes in parts: how many images each part has, of `places` that there are for them
// in each.
struct Parts {
  int places = 2;
  std::vector<int> images;
};
inline const std::vector<Parts> kPartsCases = {{2, {2, 2, 2}}, {2, {2, 1, 0}}, {2, {0, 2, 1}}, {2, {1, 2}}};

// A step over the images of `batch`, which must be as many as the parts have. As a solver does, leaves out
// what has no image, unless sums are exact.
inline BatchResult step_in_parts(CompiledNet& net, const RandomBatch& batch, const Parts& parts,
                                 const SgdRule& rule, bool exact = false) {
  const BatchView all = batch.view();
  const int whole = parts.places * static_cast<int>(parts.images.size());
  BatchResult result;
  std::size_t done = 0;
  for (std::size_t i = 0; i < parts.images.size(); ++i) {
    const auto count = static_cast<std::size_t>(parts.images[i]);
    const bool last = i + 1 == parts.images.size();
    if (count == 0 && !last && !exact) continue;
    result.add(net.train_step(
        {all.images.subspan(done, count),
         all.crops.subspan(done, count),
         all.labels.subspan(done, count),
         all.records.subspan(done, count),
         all.epochs.subspan(done, count),
         {whole, static_cast<int>(done + count), static_cast<int>(i), exact ? i == 0 : done == 0, last}},
        rule));
    done += count;
  }
  return result;
}

// Where a step of LARS without momentum moves a tensor of zero momentum (You, Gitman, Ginsburg 2017, equation
// 6).
inline std::vector<double> moved_by_lars(const SgdRule& rule, const ParameterInfo& info,
                                         std::vector<double> w, const std::vector<double>& g) {
  const auto norm = [](const std::vector<double>& x) {
    return std::sqrt(std::inner_product(x.begin(), x.end(), x.begin(), 0.0));
  };
  const double decay = rule.weight_decay * info.decay;
  const bool both = norm(w) > 0.0 && norm(g) > 0.0;
  const double lambda = rule.lars_trust.value() * (both ? norm(w) / (norm(g) + decay * norm(w)) : 1.0);
  for (std::size_t i = 0; i < w.size(); ++i) {
    w[i] -= rule.learning_rate * info.lr * lambda * (g[i] + decay * w[i]);
  }
  return w;
}

using ParameterGetter = void (CompiledNet::*)(std::size_t, std::span<float>) const;

inline std::vector<float> parameter_of(const CompiledNet& net, ParameterGetter getter, std::size_t index) {
  std::vector<float> values(parameters_of(net.net())[index].elements());
  (net.*getter)(index, values);
  return values;
}

// The length of the difference relative to the length of `want`.
inline double relative_distance(std::span<const float> got, std::span<const float> want) {
  double difference = 0.0;
  double length = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference += (double{got[i]} - want[i]) * (double{got[i]} - want[i]);
    length += double{want[i]} * want[i];
  }
  return std::sqrt(difference / length);
}

// Sets initial weights, random momenta up to `momenta` and a random mean, all from `seed`. Returns the mean.
inline std::vector<float> start_net(CompiledNet& net, std::uint64_t seed, float momenta = 0x1p-12F) {
  initialize_parameters(net, seed);
  TestRandom random(seed + 1);
  std::vector<float> mean(static_cast<std::size_t>(net.net().input.stored.elements()));
  for (float& value : mean) value = 128.0F + 16.0F * static_cast<float>(random.next());
  net.set_mean(mean);
  if (momenta > 0.0F) {
    const std::vector<ParameterInfo> infos = parameters_of(net.net());
    for (std::size_t i = 0; i < infos.size(); ++i) {
      std::vector<float> values(infos[i].elements());
      for (float& value : values) value = static_cast<float>(random.next()) * momenta;
      net.set_momentum(i, values);
    }
  }
  return mean;
}

}  // namespace convoy
