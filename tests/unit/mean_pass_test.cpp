// lib/shards/mean_pass: the same sums for any threads and shards; damaged records are named and left out.
#include "lib/shards/mean_pass.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "lib/base/error.h"
#include "tests/support/pictures.h"
#include "tests/support/shard_bytes.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::Picture;
using test::sum_up;

class MeanPass : public ::testing::Test {
 protected:
  // Shards of numbered records; returns their paths.
  std::vector<std::string> make_shards(const DatasetInfo& info, std::initializer_list<std::uint64_t> counts) {
    std::vector<std::string> paths;
    std::uint64_t first = 0;
    for (const std::uint64_t count : counts) {
      paths.push_back(folder_ / (std::to_string(paths.size()) + ".shard"));
      test::write_shard(paths.back(), info, test::numbered_records(info, first, count));
      first += count;
    }
    return paths;
  }
  static ImageSums sum_of(const std::vector<std::string>& paths, int threads,
                          std::vector<std::string>* damage = nullptr) {
    const auto on_damage = [&](const Damage& one) {
      if (damage == nullptr) FAIL() << one.where();
      damage->push_back(one.place);
    };
    return sum_images(paths, {.threads = threads}, on_damage, [](std::uint64_t, std::uint64_t) {}).sums;
  }
  test::TemporaryFolder folder_;
};

TEST_F(MeanPass, PassIsTheSameForAnyThreadsAndShards) {
  const DatasetInfo info = test::small_info(7, 5, 3, 4);
  std::vector<Picture> pictures;
  for (const ShardRecord& record : test::numbered_records(info, 0, 90)) pictures.push_back(record.payload);
  const ImageSums expected = sum_up(7, 5, 3, pictures);
  for (const auto counts : {std::initializer_list<std::uint64_t>{90}, {1, 88, 1}, {30, 0, 60}}) {
    const auto paths = make_shards(info, counts);
    for (const int threads : {1, 2, 5}) EXPECT_EQ(sum_of(paths, threads), expected) << threads;
    EXPECT_EQ(sum_of({paths.rbegin(), paths.rend()}, 2), expected);
  }
}

// The metadata may claim any size.
TEST_F(MeanPass, SumsAreMadeForTheFirstImage) {
  const DatasetInfo info = test::small_info(8000, 8000, 3, 4, Codec::jpeg);
  const std::string path = folder_ / "claim.shard";
  test::write_shard(path, info, {{.label = 0, .name = "no JPEG", .payload = {1, 2, 3}}});
  std::vector<std::string> damage;
  const ImageSums sums = sum_of({path}, 2, &damage);
  EXPECT_EQ(damage.size(), 1U);
  EXPECT_EQ(sums.count, 0U);
  EXPECT_TRUE(sums.sum.empty());
}

TEST_F(MeanPass, DamagedRecordsAreNamedAndLeftOut) {
  const DatasetInfo info = test::small_info(7, 5, 3, 4);
  const auto path = make_shards(info, {20}).front();
  const auto records = test::numbered_records(info, 0, 20);
  auto bytes = test::bytes_of_file(path);
  const auto& payload = records[6].payload;
  const auto at = std::search(bytes.begin(), bytes.end(), payload.begin(), payload.end());
  ASSERT_NE(at, bytes.end());
  *(at + 50) ^= 1;
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  std::vector<Picture> rest;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i != 6) rest.push_back(records[i].payload);
  }
  std::vector<std::string> damage;
  EXPECT_EQ(sum_of({path}, 2, &damage), sum_up(7, 5, 3, rest));
  ASSERT_EQ(damage.size(), 1U);
  EXPECT_EQ(damage[0], path + ": record 6 (record6)");
}

TEST_F(MeanPass, RecordsThatDoNotDecodeAreNamedFromFilesAndPipes) {
  const auto path = make_shards(test::small_info(7, 5, 3, 4, Codec::jpeg), {2}).front();  // of random bytes
  std::vector<std::string> damage;
  EXPECT_EQ(sum_of({path}, 1, &damage).count, 0U);
  EXPECT_EQ(damage, (std::vector<std::string>{path + ": record 0 (record0)", path + ": record 1 (record1)"}));
  const test::Fifo fifo(folder_ / "b): c", test::bytes_of_file(path));
  damage.clear();
  EXPECT_EQ(sum_of({fifo.path()}, 1, &damage).count, 0U);
  EXPECT_EQ(damage, (std::vector<std::string>{fifo.path() + ": record 0 (record0)",
                                              fifo.path() + ": record 1 (record1)"}));
}

TEST_F(MeanPass, HugeImagesThatAHeaderClaimsTakeNoMemory) {
  const std::string path = folder_ / "huge.shard";
  test::write_shard(path, test::small_info(20000, 20000, 3, 1), {});
  EXPECT_THROW(static_cast<void>(sum_of({path}, 1)), Error);
}

}  // namespace
}  // namespace convoy
