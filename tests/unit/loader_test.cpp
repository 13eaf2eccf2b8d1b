// Batches hold exactly the images of their samples.
#include "lib/runs/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "lib/base/error.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

InputSpec input_of(int crop, int stored) { return {.crop = {crop, crop, 1}, .stored = {stored, stored, 1}}; }

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
  static void ignore(const Damage& damage) { ADD_FAILURE() << damage.where(); }
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
  BatchLoader loader(data, evaluation_samples(input_of(5, kSide), 0, data.size(), 10), 1);
  std::vector<std::size_t> sizes;
  while (const Batch* batch = loader.next()) sizes.push_back(batch->size());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 3}));
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_F(Loading, LeavesDamagedRecordsOutAndNamesThem) {
  write();
  damage(7);
  const Dataset data({path_}, ignore);
  BatchLoader loader(data, evaluation_samples(input_of(5, kSide), 0, data.size(), 10), 1);
  const Batch* batch = loader.next();
  ASSERT_NE(batch, nullptr);
  EXPECT_EQ(batch->size(), 9U);
  EXPECT_EQ(batch->records[7], 8U);
  ASSERT_EQ(batch->damaged.size(), 1U);
  EXPECT_EQ(batch->damaged[0].place, path_ + ": record 7 (record7)");
  EXPECT_EQ(batch->damaged[0].offset, data.record(7).offset);
  EXPECT_EQ(batch->damaged[0].reason, kPayloadDamaged);
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

}  // namespace
}  // namespace convoy
