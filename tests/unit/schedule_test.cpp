// Learning rate policies, intervals and the options of a run.
#include "lib/runs/schedule.h"
#include "lib/runs/interval.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/runs/loss_watch.h"
#include "lib/runs/training_options.h"

namespace convoy {
namespace {

TEST(Schedule, FixedStaysOne) {
  const Schedule fixed = Schedule::parse("fixed");
  EXPECT_EQ(fixed.factor(0, 10), 1.0);
  EXPECT_EQ(fixed.factor(1'000'000, 10), 1.0);
  EXPECT_EQ(fixed.text(), "fixed");
}

TEST(Schedule, StepsFallAtTheImageThatCompletesTheEpoch) {
  const Schedule step = Schedule::parse("step:0.1@2,3.5");
  EXPECT_EQ(step.factor(0, 10), 1.0);
  EXPECT_EQ(step.factor(19, 10), 1.0);
  EXPECT_EQ(step.factor(20, 10), 0.1);
  EXPECT_EQ(step.factor(34, 10), 0.1);
  EXPECT_EQ(step.factor(35, 10), 0.1 * 0.1);
  EXPECT_EQ(Schedule::parse(step.text()).factor(35, 10), 0.1 * 0.1);
}

TEST(Schedule, RefusesWhatItCannotRead) {
  for (const char* bad :
       {"", "Fixed", "step", "step:", "step:0.1", "step:@3", "step:0.1@", "step:0.1@3,", "step:0.1@3,2",
        "step:0.1@3,3", "step:-1@3", "step:0.1@x", "step:nan@1", "plateau", "fixed ", "step:0.1@1, 2"}) {
    EXPECT_THROW((void)Schedule::parse(bad), UsageError) << bad;
  }
}

TEST(Interval, CountsStepsAndEpochs) {
  const Interval steps = Interval::parse("3steps", "--x", true);
  EXPECT_FALSE(steps.due(2, 4, 10));
  EXPECT_TRUE(steps.due(3, 4, 10));
  EXPECT_TRUE(steps.due(6, 4, 10));
  EXPECT_TRUE(Interval::parse("1step", "--x", true).due(1, 4, 10));
  // 4 images a step, 10 an epoch: epochs are complete in steps 3 and 5, two of them in step 5.
  for (const char* text : {"1epoch", "1epochs"}) {
    const Interval epochs = Interval::parse(text, "--x", true);
    std::string due;
    for (std::uint64_t step = 1; step <= 8; ++step) due += epochs.due(step, 4, 10) ? 'x' : '.';
    EXPECT_EQ(due, "..x.x..x") << text;
  }
  EXPECT_TRUE(Interval::parse("2epochs", "--x", true).due(5, 4, 10));
  EXPECT_FALSE(Interval::parse("2epochs", "--x", true).due(3, 4, 10));
  EXPECT_TRUE(Interval::parse("0.5epochs", "--x", true).due(2, 4, 10));
}

TEST(Interval, KnowsMinutesAndNever) {
  const Interval minutes = Interval::parse("2minutes", "--x", true);
  EXPECT_FALSE(minutes.due(1, 1, 1));
  EXPECT_FALSE(minutes.due_after(119));
  EXPECT_TRUE(minutes.due_after(120));
  const Interval never = Interval::parse("never", "--x", false);
  EXPECT_FALSE(never.due(1, 1, 1));
  EXPECT_FALSE(never.due_after(1e9));
  EXPECT_FALSE(Interval::parse("1steps", "--x", true).due_after(1e9));
}

TEST(Interval, RefusesWhatItCannotRead) {
  for (const char* bad : {"", "0steps", "0epochs", "steps", "1.5steps", "-1epochs", "1hour", "1 epoch", "1e3",
                          "1", "0.5", "Never", "99999999999999999999steps"}) {
    EXPECT_THROW((void)Interval::parse(bad, "--x", true), UsageError) << bad;
  }
  EXPECT_THROW((void)Interval::parse("5minutes", "--x", false), UsageError);
}

TEST(TrainingOptions, SurviveAsJson) {
  TrainingOptions options;
  options.set("batch", "50");
  options.set("steps", "1234");
  options.set("lr", "1e-3");
  options.set("momentum", "0.95");
  options.set("weight-decay", "0");
  options.set("lr-policy", "step:0.1@20,30");
  options.set("crop", "center");
  options.set("flip", "off");
  options.set("order", "sequential");
  options.set("precision", "bf16");
  options.set("seed", "18446744073709551615");
  options.set("threads", "2");
  const TrainingOptions back = training_options_from_json(to_json(options), "file");
  for (const char* name : TrainingOptions::kNames) EXPECT_EQ(back.text(name), options.text(name)) << name;
  EXPECT_EQ(back.seed, ~std::uint64_t{0});
  EXPECT_FALSE(back.crop.random);
  EXPECT_FALSE(back.crop.mirror);
  EXPECT_FALSE(back.shuffle);
  EXPECT_EQ(back.steps, 1234U);
  EXPECT_TRUE(resume_differences(options, back).empty());
}

TEST(TrainingOptions, RefuseBadTexts) {
  TrainingOptions options;
  using Pair = std::pair<const char*, const char*>;
  for (const auto& [name, text] :
       {Pair{"batch", "0"}, Pair{"batch", "1.5"}, Pair{"lr", "nan"}, Pair{"lr", "-1"},
        Pair{"momentum", "1.1"}, Pair{"crop", "Random"}, Pair{"flip", "yes"}, Pair{"order", ""},
        Pair{"precision", "fp16"}, Pair{"seed", "-1"}, Pair{"nonsense", "1"}, Pair{"steps", "1e3"},
        Pair{"epochs", "ten"}}) {
    EXPECT_THROW(options.set(name, text), UsageError) << name << "=" << text;
  }
  EXPECT_THROW((void)training_options_from_json(nlohmann::json::array(), "file"), Error);
  EXPECT_THROW((void)training_options_from_json({{"batch", 3}}, "file"), Error);
  EXPECT_THROW((void)training_options_from_json({{"batch", "x"}}, "file"), Error);
}

TEST(TrainingOptions, CountSteps) {
  TrainingOptions options;
  options.set("batch", "4");
  options.set("epochs", "3");
  EXPECT_EQ(options.total_steps(10), 8U);  // 30 images in batches of 4
  EXPECT_EQ(options.total_steps(8), 6U);
  options.set("epochs", "0.5");
  EXPECT_EQ(options.total_steps(10), 2U);
  options.set("steps", "7");
  EXPECT_EQ(options.total_steps(10), 7U);
  options.set("steps", "0");
  EXPECT_EQ(options.total_steps(10), 0U);
  options.set("epochs", "1");  // the later one counts
  EXPECT_EQ(options.total_steps(10), 3U);
  options.set("epochs", "4294967295");  // epochs are 32-bit in the keys of random draws
  EXPECT_THROW((void)options.total_steps(10), UsageError);
}

TEST(TrainingOptions, TellWhatAResumedRunChanges) {
  TrainingOptions before;
  TrainingOptions after;
  after.set("lr", "0.001");
  after.set("threads", "2");
  EXPECT_EQ(resume_differences(before, after),
            (std::vector<std::string>{"lr: 0.01 in the checkpoint, 0.001 now",
                                      "threads: 1 in the checkpoint, 2 now"}));
  for (const auto& [name, text] : {std::pair{"batch", "64"}, {"order", "sequential"}, {"seed", "2"}}) {
    TrainingOptions other = before;
    other.set(name, text);
    EXPECT_THROW((void)resume_differences(before, other), UsageError) << name;
  }
}

Precision precision_of_run(const std::string& given, const TrainingOptions* resumed, bool cuda) {
  po::variables_map values;
  values.emplace("precision", po::variable_value(given.empty() ? std::string("auto") : given, given.empty()));
  Device device;
  device.cuda = cuda;
  return training_options_from(Options(values, {}), resumed, device).precision;
}

TEST(TrainingOptions, SettleThePrecisionOnceForARun) {
  EXPECT_EQ(precision_of_run("", nullptr, false), Precision::fp32);
  EXPECT_EQ(precision_of_run("auto", nullptr, false), Precision::fp32);
  EXPECT_EQ(precision_of_run("", nullptr, true), Precision::bf16);
  EXPECT_EQ(precision_of_run("fp32", nullptr, true), Precision::fp32);
  EXPECT_EQ(precision_of_run("bf16", nullptr, false), Precision::bf16);
  for (const bool cuda : {false, true}) {
    for (const Precision before : {Precision::fp32, Precision::bf16}) {
      TrainingOptions checkpoint;
      checkpoint.precision = before;
      EXPECT_EQ(precision_of_run("", &checkpoint, cuda), before);
      EXPECT_EQ(precision_of_run("auto", &checkpoint, cuda), before);
      EXPECT_EQ(precision_of_run("bf16", &checkpoint, cuda), Precision::bf16);
    }
  }
  EXPECT_THROW((void)precision_of_run("fp16", nullptr, true), UsageError);
  TrainingOptions stored;
  EXPECT_THROW(stored.set("precision", "auto"), UsageError);
}

TEST(LossWatch, SpeaksOnceOfALossThatStaysAtChance) {
  constexpr double kChance = 2.302585;
  LossWatch flat(kChance);
  int said = 0;
  for (std::uint64_t step = 1; step <= 3 * LossWatch::kWindow; ++step) {
    if (!flat.add(step % 2 == 0 ? 2.2 : 2.4)) continue;
    ++said;
    EXPECT_EQ(step, LossWatch::kWindow);
    EXPECT_NEAR(flat.window_loss(), 2.3, 1e-9);
  }
  EXPECT_EQ(said, 1);
  LossWatch falling(kChance);
  for (std::uint64_t step = 1; step <= 3 * LossWatch::kWindow; ++step) EXPECT_FALSE(falling.add(2.0));
  LossWatch one_class(0.0);
  for (std::uint64_t step = 1; step <= LossWatch::kWindow; ++step) EXPECT_FALSE(one_class.add(0.0));
}

}  // namespace
}  // namespace convoy
