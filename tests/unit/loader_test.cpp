// Which images come when, and batches that hold exactly these.
#include "lib/runs/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>

#include "lib/base/error.h"
#include "lib/runs/labels.h"
#include "tests/support/error_message.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

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

// Every one of the 4! orders of four records should come equally often. Chi squared with 23 degrees of
// freedom is above 62 with probability 2e-5.
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
    SampleSource source = evaluation_samples(input_of(5, 8), 10, batch);
    std::uint64_t next = 0;
    for (auto samples = source(); !samples.empty(); samples = source()) {
      EXPECT_LE(samples.size(), static_cast<std::size_t>(batch));
      for (const Sample& sample : samples) EXPECT_EQ(sample.record, next++);
    }
    EXPECT_EQ(next, 10U) << "batch " << batch;
    EXPECT_TRUE(source().empty());
  }
}

class Loading : public ::testing::Test {
 protected:
  static constexpr int kSide = 8;
  static constexpr std::uint64_t kRecords = 23;
  DatasetInfo info_ = test::small_info(kSide, kSide, 1, 5);
  TemporaryFolder folder_;
  std::string path_ = folder_ / "a.shard";

  void write() { test::write_shard(path_, info_, test::numbered_records(info_, 0, kRecords)); }
  void damage(std::uint64_t record) {
    const ShardFile shard(path_, [](const Damage&) {});
    auto bytes = test::bytes_of_file(path_);
    bytes[shard.record(record).offset] ^= 1U;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  static void ignore(const Damage& damage) { ADD_FAILURE() << damage.message; }
};

TEST_F(Loading, GivesWhatTheRecordsHold) {
  write();
  const Dataset data({path_}, ignore);
  const TrainingStream stream{
      .input = input_of(5, kSide), .seed = 5, .records = kRecords, .shuffle = true, .batch = 4};
  for (const int threads : {1, 3}) {
    BatchLoader loader(data, training_samples(stream, 2), threads);
    SampleSource expected = training_samples(stream, 2);
    for (int step = 0; step < 20; ++step) {
      const Batch* batch = loader.next();
      ASSERT_NE(batch, nullptr);
      const auto samples = expected();
      ASSERT_EQ(batch->size(), samples.size());
      for (std::size_t i = 0; i < samples.size(); ++i) {
        const ShardRecord record = test::numbered_record(info_, samples[i].record);
        EXPECT_EQ(batch->records[i], samples[i].record);
        EXPECT_EQ(batch->epochs[i], samples[i].epoch);
        EXPECT_EQ(batch->labels[i], record.label);
        EXPECT_EQ(batch->crops[i].top, samples[i].crop.top);
        EXPECT_TRUE(std::equal(record.payload.begin(), record.payload.end(), batch->images[i]));
      }
    }
  }
}

TEST(LoadingThreads, AreFewForRawRecordsAndOneWhereTheNetNeedsTheProcessors) {
  EXPECT_EQ(loading_threads(Codec::raw, 2, false), 1);
  EXPECT_EQ(loading_threads(Codec::raw, 2, true), 2);
  EXPECT_EQ(loading_threads(Codec::raw, 1, true), 1);
  EXPECT_LT(loading_threads(Codec::raw, 64, true), 64);
  EXPECT_EQ(loading_threads(Codec::jpeg, 64, false), 64);
}

TEST_F(Loading, EndsWithTheLastPartialBatch) {
  write();
  const Dataset data({path_}, ignore);
  BatchLoader loader(data, evaluation_samples(input_of(5, kSide), data.size(), 10), 1);
  std::vector<std::size_t> sizes;
  while (const Batch* batch = loader.next()) sizes.push_back(batch->size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 3}));
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_F(Loading, LeavesDamagedRecordsOutAndNamesThem) {
  write();
  damage(7);
  const Dataset data({path_}, ignore);
  BatchLoader loader(data, evaluation_samples(input_of(5, kSide), data.size(), 10), 1);
  const Batch* batch = loader.next();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->size(), 9U);
  EXPECT_EQ(batch->records[7], 8U);
  ASSERT_EQ(batch->damaged.size(), 1U);
  EXPECT_EQ(batch->damaged[0].record, 7U);
  EXPECT_NE(batch->damaged[0].message.find("record 7 (record7)"), std::string::npos)
      << batch->damaged[0].message;
  batch = loader.next();
  EXPECT_TRUE(batch->damaged.empty()) << "nothing stays of the batch before";
}

TEST_F(Loading, EndsEarlyWithoutHanging) {
  write();
  const Dataset data({path_}, ignore);
  const TrainingStream stream{.input = input_of(5, kSide), .records = kRecords, .batch = 2};
  for (int taken = 0; taken < 4; ++taken) {
    BatchLoader loader(data, training_samples(stream, 0), 1);
    for (int i = 0; i < taken; ++i) EXPECT_NE(loader.next(), nullptr);
  }
}

TEST_F(Loading, ThrowsWhatTheSourceThrows) {
  write();
  const Dataset data({path_}, ignore);
  BatchLoader loader(
      data, []() -> std::vector<Sample> { throw Error("source", "failed"); }, 1);
  EXPECT_THROW((void)loader.next(), Error);
}

TEST_F(Loading, ChecksLabels) {
  write();
  const Dataset data({path_}, ignore);
  const LabelScan scan = scan_labels(data, 6);
  EXPECT_EQ(scan.counts, (std::vector<std::uint64_t>{5, 5, 5, 4, 4, 0}));
  EXPECT_THROW((void)scan_labels(data, 4), Error);
  auto records = test::numbered_records(info_, 0, kRecords);
  records[9].label = kNoLabel;
  const std::string other = folder_ / "b.shard";
  test::write_shard(other, info_, records);
  const Dataset unlabelled({other}, ignore);
  try {
    (void)scan_labels(unlabelled, 5);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), other + ": record 9 (record9): has no label");
  }
}

TEST_F(Loading, TellsTrainingSetsApart) {
  write();
  const std::uint64_t fingerprint = scan_labels(Dataset({path_}, ignore), 5).fingerprint;
  EXPECT_EQ(scan_labels(Dataset({path_}, ignore), 5).fingerprint, fingerprint);
  auto records = test::numbered_records(info_, 0, kRecords);
  std::swap(records[3], records[8]);  // of one class
  const std::string other = folder_ / "b.shard";
  test::write_shard(other, info_, records);
  EXPECT_NE(scan_labels(Dataset({other}, ignore), 5).fingerprint, fingerprint);
}

TEST(LabelScan, KnowsTheLossOfGuessing) {
  EXPECT_NEAR((LabelScan{.counts = {5, 5, 5, 5}}.chance_loss()), std::log(4.0), 1e-12);
  EXPECT_NEAR((LabelScan{.counts = {3, 1, 0}}.chance_loss()),
              -(0.75 * std::log(0.75) + 0.25 * std::log(0.25)), 1e-12);
  EXPECT_EQ((LabelScan{.counts = {9, 0}}.chance_loss()), 0.0);
}

TEST(ClassTables, AreComparedClassByClass) {
  const std::vector<ClassInfo> table = {{"a", ""}, {"b", "bee"}};
  EXPECT_NO_THROW(check_classes(table, "x", {{"a", "A"}, {"b", ""}}, "y")) << "only ids say what a class is";
  const auto message = [&](const std::vector<ClassInfo>& other) {
    return test::error_of([&] { check_classes(table, "x", other, "y"); });
  };
  EXPECT_EQ(message({{"a", ""}, {"c", ""}}), "x: class 1 is 'b' (bee), but 'c' in y");
  EXPECT_EQ(message({{"a", ""}}), "x: has 2 classes, but y has 1");
}

}  // namespace
}  // namespace convoy
