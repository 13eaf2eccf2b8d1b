// The log does not overwrite files that are not logs.
#include "lib/runs/training_log.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "lib/base/error.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

using test::TemporaryFolder;

TEST(TrainingLog, KeepsOtherFilesOfThatName) {
  const TemporaryFolder folder;
  const std::string path = folder / "notes.txt";
  {
    OutputFile out(path, OutputFile::Content::text);
    out.write("my notes\n");
    out.commit();
  }
  EXPECT_THROW(TrainingLog(path, 5), Error);
  EXPECT_EQ(read_text_file(path, 1 << 20), "my notes\n");
}

class OlderLog : public ::testing::Test {
 protected:
  OlderLog() {
    TrainingLog log(path_, std::nullopt);
    for (std::uint64_t step = 1; step <= 4; ++step) {
      log.add({.step = step,
               .epoch = 0.5 * static_cast<double>(step),
               .set = step % 2 == 0 ? "val" : "train",
               .totals = {.images = 8, .top1_wrong = 3, .top5_wrong = 1, .loss_sum = 9.5},
               .learning_rate = 1e-05,
               .seconds = 0.25});
    }
    text_ = read_text_file(path_, 1 << 20);
  }
  void write(const std::string& text) const {
    OutputFile out(path_, OutputFile::Content::text);
    out.write(text);
    out.commit();
  }
  // The log after a run was resumed at its end.
  [[nodiscard]] std::string kept() const {
    { const TrainingLog log(path_, 4); }
    return read_text_file(path_, 1 << 20);
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "log.tsv";
  std::string text_;
};

TEST_F(OlderLog, IsReadRowByRow) {
  write(text_ + "no row\n9\t1\ttra");
  const LogPoints log = read_log(path_);
  ASSERT_EQ(log.points.size(), 4U);
  EXPECT_EQ(log.points[1].step, 2U);
  EXPECT_EQ(log.points[1].epoch, 1.0);
  EXPECT_TRUE(log.points[1].validation);
  EXPECT_FALSE(log.points[2].validation);
  EXPECT_EQ(log.points[3].loss, 1.1875);  // 9.5 of 8 images
  EXPECT_EQ(log.points[3].top1_error, 0.375);
  EXPECT_EQ(log.points[3].top5_error, 0.125);
  EXPECT_EQ(log.points[3].learning_rate, 1e-05);
  EXPECT_EQ(log.damaged_count, 1U);
  EXPECT_EQ(log.damaged, std::vector<std::uint64_t>{6});
  write("notes\n");
  EXPECT_THROW((void)read_log(path_), Error);
}

TEST_F(OlderLog, IsKeptAsItIs) {
  const auto rows = find_log_rows(path_);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->rows, 4U);
  EXPECT_EQ(rows->damaged, 0U);
  EXPECT_EQ(rows->last_step, 4U);
  EXPECT_EQ(rows->last_epoch, 2.0);
  EXPECT_EQ(kept(), text_);
}

TEST_F(OlderLog, LosesDamagedLinesAloneAndSaysWhich) {
  const std::size_t second = text_.find("\n2\t") + 1;
  const std::size_t third = text_.find("\n3\t") + 1;
  const std::string without = text_.substr(0, second) + text_.substr(third);
  const std::string line = text_.substr(second, third - second);
  const std::string ending = line.substr(line.find("\tval"));
  for (const std::string& bad :
       {"r\t1" + ending, "2x\t1" + ending, "2\t1.q" + ending, "-2\t1" + ending,
        "2\t1\tvam" + ending.substr(4), line.substr(0, line.rfind('\t')) + "\n",
        line.substr(0, line.size() - 1) + "\t1\n", line.substr(0, line.size() - 1) + "x\n", std::string("\n"),
        std::string("\0\n", 2)}) {
    write(text_.substr(0, second) + bad + text_.substr(third));
    const auto rows = find_log_rows(path_);
    ASSERT_TRUE(rows) << bad;
    EXPECT_EQ(rows->rows, 3U) << bad;
    EXPECT_EQ(rows->damaged, 1U) << bad;
    EXPECT_EQ(rows->first_damaged, 3U) << bad;
    EXPECT_EQ(rows->last_step, 4U) << bad;
    EXPECT_EQ(kept(), without) << bad;
  }
}

TEST_F(OlderLog, OfDamagedLinesAloneIsALogStill) {
  write(text_.substr(0, text_.find('\n') + 1) + "x\ny\n");
  const auto rows = find_log_rows(path_);
  ASSERT_TRUE(rows) << "what it holds is not replaced unasked";
  EXPECT_EQ(rows->rows, 0U);
  EXPECT_EQ(rows->damaged, 2U);
}

}  // namespace
}  // namespace convoy
