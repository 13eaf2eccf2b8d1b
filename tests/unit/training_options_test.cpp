// The options of a run are read, stored, and compared with those of a checkpoint.
#include "lib/runs/training_options.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/error.h"
#include "lib/runs/training_phases.h"

namespace convoy {
namespace {

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
  options.set("color-noise", "0.25");
  options.set("color-noise-scale", "eigenvalues");
  options.set("order", "sequential");
  options.set("precision", "bf16");
  options.set("seed", "18446744073709551615");
  options.set("threads", "2");
  const TrainingOptions back = training_options_from_json(to_json(options), "file");
  EXPECT_EQ(to_json(back), to_json(options));
  EXPECT_EQ(to_json(back).size(), 14U) << "all but epochs";
  EXPECT_EQ(back.seed, ~std::uint64_t{0});
  EXPECT_FALSE(back.crop.random);
  EXPECT_FALSE(back.crop.mirror);
  EXPECT_FALSE(back.shuffle);
  EXPECT_EQ(back.crop.color_noise.sigma, 0.25);
  EXPECT_EQ(back.crop.color_noise.scale, ColorNoiseScale::eigenvalues);
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
        Pair{"epochs", "ten"}, Pair{"color-noise", "-0.1"}, Pair{"color-noise", "inf"},
        Pair{"color-noise", ""}, Pair{"color-noise", "2e6"}, Pair{"color-noise-scale", "variances"}}) {
    EXPECT_THROW(options.set(name, text), UsageError) << name << "=" << text;
  }
  EXPECT_THROW((void)training_options_from_json(nlohmann::json::array(), "file"), Error);
  EXPECT_THROW((void)training_options_from_json({{"batch", 3}}, "file"), Error);
  EXPECT_THROW((void)training_options_from_json({{"batch", "x"}}, "file"), Error);
}

// So that weights of a run without them have the bytes that they had before there were such options.
TEST(TrainingOptions, LeaveColourNoiseOutOfTheFileIfThereIsNone) {
  TrainingOptions options;
  const auto plain = to_json(options);
  EXPECT_FALSE(plain.contains("color-noise"));
  EXPECT_FALSE(plain.contains("color-noise-scale"));
  options.set("color-noise", "0.1");
  EXPECT_EQ(to_json(options).size(), plain.size() + 1);
  EXPECT_EQ(to_json(options)["color-noise"], "0.1");
  const TrainingOptions back = training_options_from_json(plain, "file");
  EXPECT_EQ(back.crop.color_noise.sigma, 0.0);
  const auto differences = resume_differences(back, options);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences.front().text, "color-noise: 0 in the checkpoint, 0.1 now");
}

TEST(TrainingOptions, HaveAnOptimizer) {
  TrainingOptions options;
  EXPECT_FALSE(options.optimizer.lars_trust);
  EXPECT_FALSE(to_json(options).contains("optimizer"));
  options.set("optimizer", "lars");
  EXPECT_EQ(options.optimizer.lars_trust, 0.001);
  EXPECT_EQ(to_json(options)["optimizer"], "lars:0.001");
  const TrainingOptions back = training_options_from_json(to_json(options), "file");
  EXPECT_EQ(back.optimizer.lars_trust, 0.001);
  options.set("optimizer", "lars:0.02");
  EXPECT_EQ(options.optimizer.lars_trust, 0.02);
  const auto differences = resume_differences(back, options);
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences.front().text, "optimizer: lars:0.001 in the checkpoint, lars:0.02 now");
  for (const char* bad : {"", "adam", "SGD", "sgd:1", "lars:", "lars:-1", "lars:1.5", "lars:nan", "lars:1,2",
                          "lars 1", "larsx"}) {
    EXPECT_THROW(options.set("optimizer", bad), UsageError) << bad;
  }
  options.set("optimizer", "sgd");
  EXPECT_EQ(to_json(options), to_json(TrainingOptions{}));
}

TEST(TrainingPhases, ChangeTheOptimizer) {
  TrainingOptions options;
  options.batch = 1;
  options.set("at", "1:optimizer=lars:0.02,lr=5;2:optimizer=sgd");
  const TrainingPhases phases(options, parse_net("input 4x4x1\nfc f1 3\nsoftmax\n", "net"));
  EXPECT_FALSE(phases.rule(9, 10).lars_trust);
  EXPECT_EQ(phases.rule(10, 10).lars_trust, 0.02);
  EXPECT_EQ(phases.rule(10, 10).learning_rate, 5.0);
  EXPECT_FALSE(phases.rule(20, 10).lars_trust);
}

// The table of "Large batches" in convoy-train.1.
TEST(TrainingPhases, ScaleWithTheBatchAsTheManualSays) {
  struct Line {
    const char* batch;
    const char* lr;
    const char* warmup;
    std::uint64_t steps;
    std::uint64_t steps_of_warmup;
  };
  constexpr std::uint64_t kRecords = 1'281'167;
  const NetSpec net = parse_net("input 4x4x1\nfc f1 3\nsoftmax\n", "net");
  for (const Line& line :
       {Line{"128", "0.01", "0", 900821, 0}, Line{"256", "0.02", "5,0.5", 450411, 25023},
        Line{"512", "0.04", "5,0.25", 225206, 12512}, Line{"1024", "0.08", "5,0.125", 112603, 6256},
        Line{"2048", "0.16", "5,0.0625", 56302, 3128}, Line{"4096", "0.32", "5,0.03125", 28151, 1564},
        Line{"8192", "0.64", "5,0.015625", 14076, 782}}) {
    SCOPED_TRACE(line.batch);
    TrainingOptions options;
    options.set("batch", line.batch);
    options.set("lr", line.lr);
    options.set("warmup", line.warmup);
    EXPECT_EQ(options.total_steps(kRecords), line.steps);
    const TrainingPhases phases(options, net);
    const auto rate = [&](std::uint64_t step) { return phases.rule(step, kRecords).learning_rate; };
    const double last = 0.01 * options.batch / 128;
    EXPECT_DOUBLE_EQ(rate(line.steps - 1), last);
    if (line.steps_of_warmup == 0) continue;
    // From the small batch's rate, by the same amount at each step.
    const double rise = (last - 0.01) * options.batch / (5.0 * kRecords);
    EXPECT_NEAR(rate(0), 0.01 + rise, 1e-12);
    EXPECT_NEAR(rate(100) - rate(99), rise, 1e-12);
    EXPECT_LT(rate(line.steps_of_warmup - 2), last);
    EXPECT_DOUBLE_EQ(rate(line.steps_of_warmup - 1), last);
  }
}

TEST(TrainingOptions, WhatIsNewIsStoredOnlyIfItIsUsed) {
  TrainingOptions options;
  for (const char* name : {"warmup", "at", "early-stop"}) EXPECT_FALSE(to_json(options).contains(name));
  options.set("warmup", "2");
  options.set("at", "2:lr=1,c.lr=0;1:flip=off");
  options.set("early-stop", "3");
  EXPECT_EQ(to_json(options)["warmup"], "2");
  EXPECT_EQ(to_json(options)["at"], "1:flip=off;2:lr=1,c.lr=0");
  EXPECT_EQ(to_json(options)["early-stop"], "3");
  const TrainingOptions back = training_options_from_json(to_json(options), "file");
  EXPECT_EQ(to_json(back), to_json(options));
  EXPECT_TRUE(back.stops_early(3));
  EXPECT_FALSE(back.stops_early(2));
  options.set("warmup", "0");
  options.set("at", "none");
  options.set("early-stop", "never");
  EXPECT_EQ(to_json(options), to_json(TrainingOptions{}));
  EXPECT_FALSE(options.stops_early(1'000'000));
}

TEST(TrainingOptions, TakeOnlyChangesThatCanBeMade) {
  TrainingOptions options;
  for (const char* bad : {"1",
                          "1:",
                          ":lr=1",
                          "1:lr",
                          "1:lr=",
                          "1:lr=-1",
                          "-1:lr=1",
                          "1:batch=2",
                          "1:at=2:lr=1",
                          "1:c.lr=-1",
                          "1:c.lr=",
                          "1:.lr=1",
                          "1:c.speed=1",
                          "1:lr=1;;2:lr=1",
                          "1:lr=1,2",
                          "1e10:lr=1",
                          "nan:lr=1",
                          "1:crop=left",
                          "1:precision=bf16",
                          "1:optimizer=adam",
                          "1:optimizer=lars:2",
                          "1:seed=3"}) {
    EXPECT_THROW(options.set("at", bad), UsageError) << bad;
  }
  std::string many = "1:lr=1";
  for (int i = 1; i < 1000; ++i) many += ",lr=1";
  options.set("at", many);
  EXPECT_EQ(options.at.all().size(), 1000U);
  EXPECT_THROW(options.set("at", many + ",lr=1"), UsageError);
}

constexpr const char* kPhasesNet =
    "input 4x4x1\nconv c1 2 3x3 lr=0.5 decay=2\nrelu\nfc f1 3 lr=0 bias-lr=0\nsoftmax\n";

TEST(TrainingPhases, HoldFromTheStepWhoseFirstImageIsInTheEpoch) {
  const NetSpec net = parse_net(kPhasesNet, "net");
  TrainingOptions options;
  options.set("batch", "4");
  options.set("lr", "1");
  options.set("lr-policy", "step:0.5@2");
  options.set("at", "1:lr=3,momentum=0.5,c1.bias-lr=7;0:weight-decay=0.25;2.5:flip=off,c1.lr=0,f1.decay=9");
  const TrainingPhases phases(options, net);
  ASSERT_EQ(phases.all().size(), 3U) << "a change at 0 holds from the start";
  EXPECT_EQ(phases.all()[1].changes, "lr=3, momentum=0.5, c1.bias-lr=7");
  // 10 records: epoch 1 begins with image 10, in step 3; step 4 is the first one that begins in it.
  std::vector<double> rates;
  std::vector<double> momenta;
  for (std::uint64_t step = 0; step < 7; ++step) {
    const SgdRule rule = phases.rule(step, 10);
    rates.push_back(rule.learning_rate);
    momenta.push_back(rule.momentum);
    EXPECT_EQ(rule.weight_decay, 0.25);
  }
  EXPECT_EQ(rates, (std::vector<double>{1, 1, 1, 3, 3, 1.5, 1.5}));
  EXPECT_EQ(momenta, (std::vector<double>{0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5}));
  const auto factors = [&](std::uint64_t step) {
    std::vector<double> values;
    for (const ParameterFactors& one : phases.rule(step, 10).factors) {
      values.push_back(one.lr);
      values.push_back(one.decay);
    }
    return values;
  };
  EXPECT_EQ(factors(0), (std::vector<double>{0.5, 2, 1, 0, 0, 1, 0, 0})) << "those of the net";
  EXPECT_EQ(factors(3), (std::vector<double>{0.5, 2, 7, 0, 0, 1, 0, 0}));
  EXPECT_EQ(factors(7), (std::vector<double>{0, 2, 7, 0, 0, 9, 0, 0}));
  const auto crops = phases.crop_changes(10);
  ASSERT_EQ(crops.size(), 2U);
  EXPECT_EQ(crops[1].position, 25U);
  EXPECT_TRUE(crops[0].crop.mirror);
  EXPECT_FALSE(crops[1].crop.mirror);
  // An epoch that begins between two images.
  EXPECT_EQ(phases.crop_changes(7)[1].position, 18U);
}

TEST(TrainingPhases, TellWhichLayersEverLearn) {
  const NetSpec net = parse_net(kPhasesNet, "net");
  const auto learning = [&](const char* at) {
    TrainingOptions options;
    options.set("at", at);
    return TrainingPhases(options, net).learning_layers(net);
  };
  EXPECT_EQ(learning(""), (std::vector<bool>{true, false, false, false})) << "f1 is frozen by the net";
  EXPECT_EQ(learning("5:f1.bias-lr=1"), (std::vector<bool>{true, false, true, false}));
  EXPECT_EQ(learning("5:c1.lr=0,c1.bias-lr=0"), (std::vector<bool>{true, false, false, false}));
  EXPECT_EQ(learning("0:c1.lr=0,c1.bias-lr=0"), (std::vector<bool>{false, false, false, false}));
  for (const char* bad : {"1:c2.lr=1", "1:relu1.lr=1", "1:softmax.decay=1", "1:C1.lr=1"}) {
    EXPECT_THROW((void)learning(bad), UsageError) << bad;
  }
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
  options.set("epochs", "1");  // the last one set counts
  EXPECT_EQ(options.total_steps(10), 3U);
  options.set("epochs", "4294967295");  // epochs are 32-bit in the keys of random draws
  EXPECT_THROW((void)options.total_steps(10), UsageError);
}

TEST(TrainingOptions, TellWhatAResumedRunChanges) {
  TrainingOptions before;
  TrainingOptions after;
  after.set("lr", "0.001");
  after.set("threads", "2");
  std::vector<std::string> changes;
  for (const ResumeDifference& difference : resume_differences(before, after))
    changes.push_back(difference.text);
  EXPECT_EQ(changes, (std::vector<std::string>{"lr: 0.01 in the checkpoint, 0.001 now",
                                               "threads: 1 in the checkpoint, 2 now"}));
  for (const auto& [name, text] : {std::pair{"batch", "64"}, {"order", "sequential"}, {"seed", "2"}}) {
    TrainingOptions other = before;
    other.set(name, text);
    EXPECT_THROW((void)resume_differences(before, other), UsageError) << name;
  }
}

Element precision_of_run(const std::string& given, const TrainingOptions* resumed, bool cuda) {
  po::variables_map values;
  values.emplace("precision", po::variable_value(given.empty() ? std::string("auto") : given, given.empty()));
  Device device;
  device.cuda = cuda;
  return training_options_from(Options(values, {}, {}), resumed, device).precision;
}

TEST(TrainingOptions, SettleThePrecisionOnceForARun) {
  EXPECT_EQ(precision_of_run("", nullptr, false), Element::f32);
  EXPECT_EQ(precision_of_run("auto", nullptr, false), Element::f32);
  EXPECT_EQ(precision_of_run("", nullptr, true), Element::bf16);
  EXPECT_EQ(precision_of_run("fp32", nullptr, true), Element::f32);
  EXPECT_EQ(precision_of_run("bf16", nullptr, false), Element::bf16);
  for (const bool cuda : {false, true}) {
    for (const Element before : {Element::f32, Element::bf16}) {
      TrainingOptions checkpoint;
      checkpoint.precision = before;
      EXPECT_EQ(precision_of_run("", &checkpoint, cuda), before);
      EXPECT_EQ(precision_of_run("auto", &checkpoint, cuda), before);
      EXPECT_EQ(precision_of_run("bf16", &checkpoint, cuda), Element::bf16);
    }
  }
  EXPECT_THROW((void)precision_of_run("fp16", nullptr, true), UsageError);
  TrainingOptions stored;
  EXPECT_THROW(stored.set("precision", "auto"), UsageError);
}

}  // namespace
}  // namespace convoy
