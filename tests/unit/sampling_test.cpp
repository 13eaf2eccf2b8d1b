// Which images come when, and which crops are taken from them.
#include "lib/runs/sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace convoy {
namespace {

InputSpec input_of(int crop, int stored) { return {.crop = {crop, crop, 1}, .stored = {stored, stored, 1}}; }

bool same(const Sample& a, const Sample& b) {
  return a.record == b.record && a.epoch == b.epoch && a.crop.top == b.crop.top &&
         a.crop.left == b.crop.left && a.crop.mirror == b.crop.mirror;
}

TEST(EpochOrder, IsAPermutationThatSeedAndEpochChoose) {
  const auto order = epoch_order(1000, 1, 0);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::uint64_t i = 0; i < sorted.size(); ++i) EXPECT_EQ(sorted[i], i);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order, epoch_order(1000, 1, 0));
  EXPECT_NE(order, epoch_order(1000, 1, 1));
  EXPECT_NE(order, epoch_order(1000, 2, 0));
  EXPECT_EQ(epoch_order(1, 1, 0), std::vector<std::uint64_t>{0});
}

// Each of the 4! orders of four records should come equally often. Chi squared with 23 degrees of freedom is
// above 62 with probability 2e-5.
TEST(EpochOrder, FavoursNoOrder) {
  constexpr std::uint32_t kDraws = 24'000;
  std::map<std::vector<std::uint64_t>, double> counts;
  for (std::uint32_t epoch = 0; epoch < kDraws; ++epoch) ++counts[epoch_order(4, 7, epoch)];
  ASSERT_EQ(counts.size(), 24U);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) chi_squared += (count - 1000) * (count - 1000) / 1000;
  EXPECT_LT(chi_squared, 62);
}

TEST(Crops, StayInsideAndReachEveryPlace) {
  const InputSpec input = input_of(5, 8);
  std::set<std::pair<int, int>> places;
  int mirrored = 0;
  constexpr int kDraws = 2000;
  for (std::uint64_t record = 0; record < kDraws; ++record) {
    const Crop crop = draw_crop(input, {.random = true, .mirror = true}, 1, 3, record);
    ASSERT_GE(crop.top, 0);
    ASSERT_LE(crop.top, 3);
    ASSERT_GE(crop.left, 0);
    ASSERT_LE(crop.left, 3);
    places.emplace(crop.top, crop.left);
    mirrored += crop.mirror ? 1 : 0;
  }
  EXPECT_EQ(places.size(), 16U);
  EXPECT_NEAR(mirrored, kDraws / 2.0, 4.5 * std::sqrt(kDraws) / 2) << "4.5 standard deviations";
}

TEST(Crops, SwitchOffSeparately) {
  const InputSpec input = input_of(5, 8);
  for (std::uint64_t record = 0; record < 50; ++record) {
    const Crop both = draw_crop(input, {.random = true, .mirror = true}, 1, 0, record);
    const Crop placed = draw_crop(input, {.random = true, .mirror = false}, 1, 0, record);
    const Crop centred = draw_crop(input, {.random = false, .mirror = true}, 1, 0, record);
    EXPECT_EQ(placed.top, both.top);
    EXPECT_EQ(placed.left, both.left);
    EXPECT_FALSE(placed.mirror);
    EXPECT_EQ(centred.mirror, both.mirror);
    EXPECT_EQ(centred.top, 1) << "of the margin of 3, the smaller half";
    EXPECT_EQ(centred.left, 1);
  }
  const Crop whole = draw_crop(input_of(8, 8), {.random = true, .mirror = false}, 1, 0, 9);
  EXPECT_EQ(whole.top, 0);
  EXPECT_EQ(whole.left, 0);
}

TEST(TrainingSamples, AreEpochAfterEpochInFullBatches) {
  const TrainingStream stream{.input = input_of(5, 8), .records = 10, .batch = 4};
  SampleSource source = training_samples(stream, 0);
  std::vector<Sample> all;
  for (int step = 0; step < 10; ++step) {
    const auto batch = source();
    ASSERT_EQ(batch.size(), 4U);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  for (std::uint32_t epoch = 0; epoch < 4; ++epoch) {
    std::set<std::uint64_t> records;
    for (std::size_t i = 0; i < 10; ++i) {
      const Sample& sample = all[epoch * 10 + i];
      EXPECT_EQ(sample.epoch, epoch);
      records.insert(sample.record);
    }
    EXPECT_EQ(records.size(), 10U) << "every record once in epoch " << epoch;
  }
}

TEST(TrainingSamples, AreTheSameFromTheMiddle) {
  for (const bool shuffle : {true, false}) {
    const TrainingStream stream{
        .input = input_of(5, 8), .seed = 3, .records = 7, .shuffle = shuffle, .batch = 3};
    for (const std::uint64_t first : {1U, 2U, 5U, 9U}) {
      SampleSource whole = training_samples(stream, 0);
      for (std::uint64_t step = 0; step < first; ++step) (void)whole();
      SampleSource rest = training_samples(stream, first);
      for (int step = 0; step < 6; ++step) {
        const auto a = whole();
        const auto b = rest();
        ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end(), same)) << first << " + " << step;
      }
    }
  }
}

TEST(TrainingSamples, ChangeTheirCropsAtTheExactImage) {
  TrainingStream stream{.input = input_of(5, 8), .seed = 3, .records = 7, .batch = 3};
  SampleSource before = training_samples(stream, 0);
  stream.crop = {.random = false, .mirror = false};
  SampleSource after = training_samples(stream, 0);
  stream.crop = {};
  stream.crop_changes = {{10, {.random = false, .mirror = false}}, {20, {}}};
  for (const std::uint64_t first : {0U, 3U, 4U, 7U}) {
    SampleSource changing = training_samples(stream, first);
    SampleSource random = before;
    SampleSource center = after;
    for (std::uint64_t step = 0; step < first; ++step) {
      (void)random();
      (void)center();
    }
    for (std::uint64_t step = first; step < 10; ++step) {
      const auto got = changing();
      const auto cropped = random();
      const auto centred = center();
      for (std::size_t i = 0; i < got.size(); ++i) {
        const std::uint64_t position = step * 3 + i;
        const bool center_now = position >= 10 && position < 20;
        EXPECT_TRUE(same(got[i], center_now ? centred[i] : cropped[i])) << "image " << position;
      }
    }
  }
}

TEST(TrainingSamples, SmallSetsRepeatWithinABatch) {
  const TrainingStream stream{.input = input_of(5, 8), .records = 2, .shuffle = false, .batch = 5};
  const auto batch = training_samples(stream, 0)();
  std::vector<std::uint64_t> records;
  std::vector<std::uint32_t> epochs;
  for (const Sample& sample : batch) {
    records.push_back(sample.record);
    epochs.push_back(sample.epoch);
  }
  EXPECT_EQ(records, (std::vector<std::uint64_t>{0, 1, 0, 1, 0}));
  EXPECT_EQ(epochs, (std::vector<std::uint32_t>{0, 0, 1, 1, 2}));
}

TEST(EvaluationSamples, AreEveryRecordOnce) {
  for (const int batch : {1, 3, 4, 10, 11}) {
    SampleSource source = evaluation_samples(input_of(5, 8), 0, 10, batch);
    std::uint64_t next = 0;
    for (auto samples = source(); !samples.empty(); samples = source()) {
      EXPECT_LE(samples.size(), static_cast<std::size_t>(batch));
      for (const Sample& sample : samples) EXPECT_EQ(sample.record, next++);
    }
    EXPECT_EQ(next, 10U) << "batch " << batch;
    EXPECT_TRUE(source().empty());
  }
}

TEST(Divided, HasTheSamplesOfTheBatchesInTheirOrder) {
  const TrainingStream stream{.input = input_of(5, 8), .seed = 3, .records = 50, .batch = 12};
  for (const int parts : {1, 2, 3, 5, 12}) {
    SCOPED_TRACE(std::to_string(parts) + " parts");
    SampleSource whole = training_samples(stream, 2);
    // All parts on one rank, and one on each.
    SampleSource divided = convoy::divided(training_samples(stream, 2), {parts, 0, parts});
    std::vector<SampleSource> each;
    for (int part = 0; part < parts; ++part) {
      each.push_back(convoy::divided(training_samples(stream, 2), {parts, part, part + 1}));
    }
    for (int step = 0; step < 5; ++step) {
      const std::vector<Sample> want = whole();
      std::vector<Sample> got;
      for (int part = 0; part < parts; ++part) {
        const std::vector<Sample> some = divided();
        EXPECT_EQ(std::ssize(some), 12 * (part + 1) / parts - 12 * part / parts);
        const std::vector<Sample> same_part = each[static_cast<std::size_t>(part)]();
        EXPECT_TRUE(std::ranges::equal(some, same_part, same));
        got.insert(got.end(), some.begin(), some.end());
      }
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(same(got[i], want[i])) << i;
    }
  }
}

}  // namespace
}  // namespace convoy
