// The options of a run are read, stored, and compared with those of a checkpoint.
#include "lib/runs/training_options.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lib/base/error.h"

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
