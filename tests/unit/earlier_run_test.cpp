// What a run does with the checkpoint and the log that an earlier one left. Whole trainings are run by
// tests/cli/rerun.bats.
#include "lib/runs/earlier_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lib/base/error.h"
#include "lib/runs/training_log.h"
#include "tests/support/temporary_folder.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;
using test::TemporaryFolder;

class EarlierRun : public ::testing::Test {
 protected:
  EarlierRun() { console_.set_verbosity(Console::Verbosity::quiet); }

  // A log with a row for each of the steps, which are a tenth of an epoch each.
  void log(int steps) {
    TrainingLog log(log_, std::nullopt);
    for (int step = 1; step <= steps; ++step) {
      log.add({.step = static_cast<std::uint64_t>(step), .epoch = step * 0.1, .set = "train", .totals = {}});
    }
  }
  void write(const std::string& path, const std::string& text) const { std::ofstream(path) << text; }
  [[nodiscard]] RunFiles files(Beginning beginning) const {
    RunFiles files;
    files.beginning = beginning;
    files.checkpoint = checkpoint_;
    files.log = log_;
    return files;
  }

  TemporaryFolder folder_;
  std::string checkpoint_ = folder_ / "c";
  std::string log_ = folder_ / "log";
  Console console_{"test"};
};

TEST_F(EarlierRun, NothingIsNothing) {
  for (const Beginning beginning : {Beginning::anew, Beginning::overwriting, Beginning::resumed_if_fits}) {
    EXPECT_NO_THROW(check_earlier_run(files(beginning)));
    EXPECT_NO_THROW(clear_earlier_run(files(beginning), {}, console_));
  }
  EXPECT_NO_THROW(check_earlier_run({}));
  write(checkpoint_, "");
  log(0);
  EXPECT_NO_THROW(check_earlier_run(files(Beginning::anew))) << "nothing is lost";
}

TEST_F(EarlierRun, KeptWeightsAreNotReplacedUnasked) {
  const auto with_kept = [&](Beginning beginning) {
    RunFiles all = files(beginning);
    all.kept = {folder_ / "w.best.safetensors", folder_ / "w.epoch-001.safetensors"};
    for (const std::string& path : all.kept) write(path, "weights");
    return all;
  };
  EXPECT_THROW(check_earlier_run(with_kept(Beginning::anew)), Error);
  const RunFiles overwriting = with_kept(Beginning::overwriting);
  EXPECT_NO_THROW(check_earlier_run(overwriting));
  clear_earlier_run(overwriting, {}, console_);
  for (const std::string& path : overwriting.kept) EXPECT_FALSE(std::filesystem::exists(path));
  RunFiles again = with_kept(Beginning::resumed_if_fits);
  EXPECT_NO_THROW(check_earlier_run(again));
  RunStart resumed;
  resumed.resumed = true;
  clear_earlier_run(again, resumed, console_);
  for (const std::string& path : again.kept) EXPECT_TRUE(std::filesystem::exists(path)) << "the run goes on";
  clear_earlier_run(again, {}, console_);
  for (const std::string& path : again.kept) {
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_TRUE(std::filesystem::exists(path + ".~1~"));
  }
}

TEST_F(EarlierRun, OnlyANewRunRefusesALog) {
  log(7);
  EXPECT_THROW(check_earlier_run(files(Beginning::anew)), Error);
  for (const Beginning beginning : {Beginning::overwriting, Beginning::resumed, Beginning::resumed_if_fits}) {
    EXPECT_NO_THROW(check_earlier_run(files(beginning)));
  }
}

TEST_F(EarlierRun, OtherFilesAreRefusedUnlessTheyAreOverwritten) {
  write(log_, "notes\n");
  for (const Beginning beginning : {Beginning::anew, Beginning::resumed, Beginning::resumed_if_fits}) {
    EXPECT_THROW(check_earlier_run(files(beginning)), Error);
  }
  EXPECT_NO_THROW(check_earlier_run(files(Beginning::overwriting)));
  fs::remove(log_);
  write(checkpoint_, "notes\n");
  EXPECT_THROW(check_earlier_run(files(Beginning::anew)), Error);
  EXPECT_NO_THROW(check_earlier_run(files(Beginning::overwriting)));
  EXPECT_NO_THROW(check_earlier_run(files(Beginning::resumed_if_fits))) << "it is kept";
}

TEST_F(EarlierRun, AResumedRunReplacesOnlyWhatItIsResumedFrom) {
  write(checkpoint_, "x");
  RunFiles resumed = files(Beginning::resumed);
  resumed.resumed_from = folder_ / "link";
  write(resumed.resumed_from, "y");
  EXPECT_THROW(check_earlier_run(resumed), Error);
  fs::remove(resumed.resumed_from);
  fs::create_symlink("c", resumed.resumed_from);
  EXPECT_NO_THROW(check_earlier_run(resumed));
}

TEST_F(EarlierRun, KeepsUnderNamesThatAreFree) {
  for (const char* number : {"1", "2", "3"}) {
    write(checkpoint_, number);
    EXPECT_EQ(keep_aside(checkpoint_), checkpoint_ + ".~" + number + "~");
    EXPECT_FALSE(fs::exists(checkpoint_));
  }
  fs::remove(checkpoint_ + ".~2~");
  fs::create_symlink("nowhere", checkpoint_ + ".~2~");
  write(checkpoint_, "4");
  EXPECT_EQ(keep_aside(checkpoint_), checkpoint_ + ".~4~");
  EXPECT_THROW((void)keep_aside(folder_ / "missing"), Error);
}

TEST_F(EarlierRun, OverwritingRemovesTheCheckpoint) {
  write(checkpoint_, "x");
  log(3);
  clear_earlier_run(files(Beginning::overwriting), {}, console_);
  EXPECT_FALSE(fs::exists(checkpoint_));
  EXPECT_TRUE(fs::exists(log_)) << "TrainingLog replaces it";
}

TEST_F(EarlierRun, StartingAnewForWantOfACheckpointThatFitsKeepsBoth) {
  write(checkpoint_, "x");
  log(3);
  clear_earlier_run(files(Beginning::resumed_if_fits), {.unfit = "of another net"}, console_);
  EXPECT_TRUE(fs::exists(checkpoint_ + ".~1~"));
  EXPECT_TRUE(fs::exists(log_ + ".~1~"));
  EXPECT_FALSE(fs::exists(checkpoint_));
  EXPECT_FALSE(fs::exists(log_));
  // A log without rows is not worth keeping.
  log(0);
  clear_earlier_run(files(Beginning::resumed_if_fits), {}, console_);
  EXPECT_FALSE(fs::exists(log_ + ".~2~"));
}

TEST_F(EarlierRun, AResumedRunContinuesOnlyItsOwnLog) {
  log(7);
  RunStart start{.step = 5, .epochs_a_step = 0.1, .resumed = true, .unfit = {}};
  for (const Beginning beginning : {Beginning::resumed, Beginning::resumed_if_fits}) {
    EXPECT_NO_THROW(clear_earlier_run(files(beginning), start, console_));
  }
  EXPECT_FALSE(fs::exists(log_ + ".~1~"));
  start.epochs_a_step = 0.11;
  EXPECT_THROW(clear_earlier_run(files(Beginning::resumed), start, console_), Error);
}

TEST_F(EarlierRun, FindsTheRowsOfALog) {
  EXPECT_FALSE(find_log_rows({}));
  EXPECT_FALSE(find_log_rows("/dev/null"));
  EXPECT_FALSE(find_log_rows(log_));
  log(4);
  ASSERT_TRUE(find_log_rows(log_));
  EXPECT_EQ(find_log_rows(log_)->rows, 4U);
  EXPECT_EQ(find_log_rows(log_)->last_step, 4U);
  EXPECT_NEAR(find_log_rows(log_)->last_epoch, 0.4, 1e-9);
  std::ofstream(log_, std::ios::app) << "5\t0.5\ttra";  // cut off
  EXPECT_EQ(find_log_rows(log_)->rows, 4U);
  write(log_, "notes");
  EXPECT_THROW((void)find_log_rows(log_), Error);
  EXPECT_FALSE(find_log_rows(log_, true));
}

}  // namespace
}  // namespace convoy
