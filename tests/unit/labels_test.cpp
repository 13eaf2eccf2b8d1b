// Labels and class tables are checked before they are used.
#include "lib/runs/labels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "lib/base/error.h"
#include "tests/support/error_message.h"
#include "tests/support/shards.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

class Labels : public ::testing::Test {
 protected:
  static constexpr std::uint64_t kRecords = 23;
  DatasetInfo info_ = test::small_info(8, 8, 1, 5);
  TemporaryFolder folder_;
  std::string path_ = folder_ / "a.shard";

  void write() { test::write_shard(path_, info_, test::numbered_records(info_, 0, kRecords)); }
  static void ignore(const Damage& damage) { ADD_FAILURE() << damage.where(); }
};

TEST_F(Labels, ChecksLabels) {
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

TEST_F(Labels, TellsTrainingSetsApart) {
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
