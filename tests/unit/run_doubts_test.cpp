// What is said before the first step of a run that may not be what was meant.
#include "lib/runs/run_doubts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace convoy {
namespace {

class Doubts : public ::testing::Test {
 protected:
  Doubts() { labels_.counts = {20, 20, 20}; }

  [[nodiscard]] RunDoubts doubts(std::uint64_t steps = 100) const {
    return doubts_about({.options = options_,
                         .records = 60,
                         .total_steps = steps,
                         .classes = classes_,
                         .labels = labels_,
                         .validation = validation_,
                         .shared_shards = shared_,
                         .intervals = intervals_});
  }
  void set(const char* name, const char* value) { options_.set(name, value); }

  TrainingOptions options_ = [] {
    TrainingOptions options;
    options.batch = 60;
    return options;
  }();
  std::vector<ClassInfo> classes_ = {{"cat", {}}, {"dog", {}}, {"emu", {}}};
  LabelScan labels_ = {.counts = {}, .fingerprint = 7};
  const LabelScan* validation_ = nullptr;
  std::vector<std::string> shared_;
  std::vector<GivenInterval> intervals_;
};

TEST_F(Doubts, OfAWarmupWithoutEnd) {
  set("warmup", "100");
  EXPECT_TRUE(doubts().notes.empty());
  set("warmup", "100.1");
  EXPECT_EQ(doubts().notes,
            (std::vector<std::string>{
                "--warmup is longer than the run: the learning rate never rises to its value"}));
}

TEST_F(Doubts, OfChangesAfterTheEnd) {
  set("at", "1:lr=0.1;99.9:flip=off;100:lr=0.2,c.lr=0");  // 100 steps of 60 images are 100 epochs of 60
  EXPECT_EQ(doubts().notes,
            (std::vector<std::string>{"--at: lr=0.2 at epoch 100: after the end of the run",
                                      "--at: c.lr=0 at epoch 100: after the end of the run"}));
}

// Of a run whose options are changed together, the values in between count for nothing.
TEST_F(Doubts, OfLarsAreAboutTheRateTimesEta) {
  set("optimizer", "lars");
  set("lr", "10");
  EXPECT_TRUE(doubts().warnings.empty());
  set("lr", "1001");
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(doubts().warnings[0],
            "a learning rate of 1.001 times ETA is unusually high for lars: the loss will hardly fall");
  set("lr", "0.01");
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(doubts().warnings[0],
            "with lars, a step moves weights by about the learning rate times ETA, relative to their length: "
            "1e-05 is "
            "unusually low");
  set("lr", "0");
  EXPECT_TRUE(doubts().warnings.empty());
  set("optimizer", "sgd");
  set("lr", "0.01");
  set("at", "2:lr=10,optimizer=lars;5:optimizer=sgd,lr=0.01;200:lr=9");
  EXPECT_TRUE(doubts().warnings.empty());
  set("at", "2:lr=10");
  EXPECT_EQ(doubts().warnings.size(), 1U);
}

TEST_F(Doubts, NoneOfAnOrdinaryRun) {
  const LabelScan other{.counts = {1, 1, 1}, .fingerprint = 8};
  validation_ = &other;
  intervals_.emplace_back("--log-every", Interval::parse("100steps", "", false));
  set("lr", "1");
  set("color-noise", "1");
  EXPECT_TRUE(doubts().warnings.empty());
  EXPECT_TRUE(doubts().notes.empty());
}

TEST_F(Doubts, ABatchLargerThanTheSet) {
  set("batch", "61");
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(
      doubts().warnings[0],
      "a batch of 61 is larger than the training set of 60 images: each step takes an image 1.02 times on "
      "average");
  EXPECT_TRUE(doubts(0).warnings.empty()) << "no step";
}

TEST_F(Doubts, NoiseStrongerThanTheColours) {
  set("color-noise", "10");
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(doubts().warnings[0],
            "a colour noise of 10 is unusually strong: it is relative to the deviations of the colours");
}

TEST_F(Doubts, ARateThatHardlyEverWorks) {
  set("lr", "1.5");
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_NE(doubts().warnings[0].find("1.5 is unusually high"), std::string::npos);
}

TEST_F(Doubts, OfValuesThatTheRunComesTo) {
  set("at", "1:lr=3,color-noise=2;2:lr=0.1,c1.lr=5;1000:lr=7");
  ASSERT_EQ(doubts().warnings.size(), 2U);
  EXPECT_NE(doubts().warnings[0].find("rate of 3 is unusually high"), std::string::npos);
  EXPECT_NE(doubts().warnings[1].find("noise of 2 is unusually strong"), std::string::npos);
}

TEST_F(Doubts, ClassesWithoutImages) {
  labels_.counts = {30, 0, 30};
  ASSERT_EQ(doubts().notes.size(), 1U);
  EXPECT_EQ(doubts().notes[0], "1 of 3 classes without images in the training set: dog");
  EXPECT_TRUE(doubts().warnings.empty());
  labels_.counts = {0, 60, 0};
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(doubts().warnings[0],
            "all images of the training set are of one class, dog: there is nothing to tell apart");
  // Ten names are enough; outputs of the net beyond the table are none of its classes.
  classes_.clear();
  for (int i = 0; i < 30; ++i) classes_.push_back({"c" + std::to_string(i), {}});
  labels_.counts.assign(100, 0);
  labels_.counts[3] = labels_.counts[29] = 30;
  ASSERT_EQ(doubts().notes.size(), 1U);
  EXPECT_EQ(
      doubts().notes[0],
      "28 of 30 classes without images in the training set: c0, c1, c2, c4, c5, c6, c7, c8, c9, c10 and 18 "
      "more");
}

TEST_F(Doubts, AValidationSetThatIsTheTrainingSetOrSharesAShard) {
  const LabelScan same{.counts = {20, 20, 20}, .fingerprint = 7};
  validation_ = &same;
  shared_ = {"a.shard", "b.shard"};
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_NE(doubts().warnings[0].find("the validation set is the training set"), std::string::npos);
  const LabelScan other{.counts = {20, 20, 20}, .fingerprint = 9};
  validation_ = &other;
  ASSERT_EQ(doubts().warnings.size(), 1U);
  EXPECT_EQ(doubts().warnings[0], "the validation set shares a.shard and others with the training set");
}

TEST_F(Doubts, RunsWithoutStepsAndIntervalsThatAreLonger) {
  for (const char* text : {"101steps", "100.5epochs", "100epochs", "never", "1000000steps"}) {
    intervals_.emplace_back(text, Interval::parse(text, "", false));
  }
  intervals_.emplace_back("--checkpoint-every", Interval::parse("1000minutes", "", true));
  const RunDoubts found = doubts();
  EXPECT_TRUE(found.warnings.empty());
  ASSERT_EQ(found.notes.size(), 3U);
  EXPECT_EQ(found.notes[0], "101steps is longer than the run of 100 steps: only at the end");
  EXPECT_EQ(found.notes[1].substr(0, 11), "100.5epochs");
  ASSERT_EQ(doubts(0).notes.size(), 1U);
  EXPECT_NE(doubts(0).notes[0].find("no step"), std::string::npos);
}

TEST(MemoryWarning, NamesTheBatchThatFits) {
  const NeedOfBatch need_of = [](int images) {
    return MemoryNeed{.weights = 1000 << 20, .activations = static_cast<std::uint64_t>(images) * (10 << 20)};
  };
  const PlannedMemory planned{need_of(128), 128, need_of};
  const auto available = [](std::uint64_t mebibytes) {
    return std::optional(AvailableMemory{.bytes = mebibytes << 20, .limit = "free on this machine"});
  };
  EXPECT_EQ(memory_warning(planned, available(2280)), std::nullopt);
  EXPECT_EQ(memory_warning(planned, std::nullopt), std::nullopt);
  const std::string needs =
      "a batch of 128 needs 2.2 GiB of memory (weights 1000.0 MiB, activations 1.2 GiB), and ";
  EXPECT_EQ(memory_warning(planned, available(2279)),
            needs + "2.2 GiB are free on this machine: a batch of 127 would fit");
  EXPECT_EQ(memory_warning(planned, available(1009)),
            needs + "1009.0 MiB are free on this machine: not even a batch of 1 fits");
}

TEST(WorkWarning, IsOfNetsThatTakeLong) {
  EXPECT_EQ(
      work_warning(parse_net("input 224x224x3\nconv c 96 11x11 stride=4\nfc f 1000\nsoftmax\n", "a.net")),
      std::nullopt);

  const auto warning =
      work_warning(parse_net("input 1000x1000x3\nconv c1 2000 3x3 pad=1\nconv c2 2000 3x3 pad=1\nmaxpool "
                             "1000x1000 stride=1\nfc f 10\nsoftmax\n",
                             "b.net"));
  ASSERT_TRUE(warning);
  EXPECT_EQ(*warning,
            "one image takes 3.6e+13 multiply-adds, 49798 times as many as AlexNet's: each may take long");
}

}  // namespace
}  // namespace convoy
