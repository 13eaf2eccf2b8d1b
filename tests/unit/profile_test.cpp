// The table of train --profile: the work of a net that is small enough to count by hand, and the sums.
#include "lib/net/profile.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/net/describe.h"

namespace convoy {
namespace {

// conv 6x6x1 -> 4x4x2 (18 weights, 2 biases, 288 multiply-adds), pool -> 2x2x2, fc -> 3 (24 weights, 3
// biases, 24 multiply-adds), softmax.
NetSpec small_net() {
  return parse_net("input 6x6x1\nconv c1 2 3x3\nrelu\nmaxpool 2x2 stride=2\nfc f1 3\nsoftmax\n", "net");
}

constexpr LayerRange kConv{0, 2};  // "c1+relu1"
constexpr LayerRange kPool{2, 3};
constexpr LayerRange kFc{3, 4};
constexpr LayerRange kSoftmax{4, 5};

struct Line {
  double milliseconds = 0.0;
  double share = 0.0;
  std::string gigaflops;
  std::string megabytes;
  std::string gigabytes;
};
using Lines = std::map<std::pair<std::string, std::string>, Line>;

Lines lines_of(const std::string& table) {
  Lines lines;
  std::istringstream text(table);
  std::string row;
  std::getline(text, row);
  EXPECT_EQ(row.substr(0, 5), "phase");
  while (std::getline(text, row)) {
    if (row.front() == '#') continue;
    std::istringstream fields(row);
    std::string phase, layer;
    Line line;
    fields >> phase >> layer >> line.milliseconds >> line.share >> line.gigaflops >> line.megabytes >>
        line.gigabytes;
    EXPECT_TRUE(fields) << row;
    EXPECT_TRUE(lines.emplace(std::pair(phase, layer), line).second) << "twice: " << row;
  }
  return lines;
}

TEST(Profile, CountsTheProductsAndBytesOfEachDirection) {
  const NetSpec net = small_net();
  constexpr int kBatch = 5;
  const auto work = [&](const LayerRange& layers, Phase phase, std::size_t element = 4) {
    return work_of(net, kBatch, element, layers, phase);
  };
  EXPECT_EQ(work(kConv, Phase::forward).flop, 2 * kBatch * 288);
  EXPECT_EQ(work(kConv, Phase::forward).bytes, 4 * (kBatch * (36 + 32) + 20));
  EXPECT_EQ(work(kConv, Phase::forward, 2).bytes, 2 * (kBatch * (36 + 32) + 20));
  // Nothing learns before the first layer: one product, no gradient of the pixels, no weights read.
  EXPECT_EQ(work(kConv, Phase::backward).flop, 2 * kBatch * 288);
  EXPECT_EQ(work(kConv, Phase::backward).bytes, 4 * (kBatch * (36 + 32) + 20));
  EXPECT_EQ(work(kFc, Phase::backward).flop, 2 * 2 * kBatch * 24);
  // Input and both gradients; weights, and their gradient, which is always float.
  EXPECT_EQ(work(kFc, Phase::backward).bytes, 4 * (kBatch * (8 + 3 + 8) + 27 + 27));
  EXPECT_EQ(work(kFc, Phase::backward, 2).bytes, 2 * (kBatch * (8 + 3 + 8) + 27) + 4 * 27);
  // Gradient, momentum and weights are read; the latter two are written, and the copy in bf16.
  EXPECT_EQ(work(kFc, Phase::update).bytes, 27 * 20);
  EXPECT_EQ(work(kFc, Phase::update, 2).bytes, 27 * 22);
  EXPECT_EQ(work(kFc, Phase::update).flop, 0);
  // One byte per output says which element of the window was the greatest.
  EXPECT_EQ(work(kPool, Phase::forward).bytes, 4 * kBatch * (32 + 8));
  EXPECT_EQ(work(kPool, Phase::backward).bytes, 4 * kBatch * (8 + 32) + kBatch * 8);
  // Nothing moves between layers that run as one.
  EXPECT_EQ(work(LayerRange{1, 3}, Phase::forward).bytes, 4 * kBatch * (32 + 8));
  EXPECT_EQ(work({}, Phase::augment).bytes, kBatch * 36 * (1 + 4 + 4));
  EXPECT_EQ(work({}, Phase::forward).bytes, 0);
}

TEST(Profile, AlexNetsProductsAreThoseOfDescribe) {
  const NetSpec net = parse_net(read_text_file("examples/nets/alexnet.net", kMaxNetBytes), "alexnet.net");
  std::int64_t forward = 0;
  std::int64_t training = 0;
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    const LayerRange layer{i, i + 1};
    forward += work_of(net, 128, 4, layer, Phase::forward).flop;
    training +=
        work_of(net, 128, 4, layer, Phase::forward).flop + work_of(net, 128, 4, layer, Phase::backward).flop;
  }
  EXPECT_EQ(forward, 128 * cost_of(net).forward_flop);
  EXPECT_EQ(training, 128 * cost_of(net).training_flop);
}

StepTimes times_of_four_steps() {
  StepTimes times;
  times.steps = 4;
  times.images = 18;  // two were damaged
  times.seconds = 0.9;
  times.read_seconds = 0.1;
  times.layers = {{{}, Phase::augment, 0.04},       {kConv, Phase::forward, 0.08},
                  {kPool, Phase::forward, 0.02},    {kFc, Phase::forward, 0.03},
                  {kSoftmax, Phase::forward, 0.01}, {kFc, Phase::backward, 0.12},
                  {kFc, Phase::update, 0.05},       {kPool, Phase::backward, 0.04},
                  {kConv, Phase::backward, 0.16},   {kConv, Phase::update, 0.06}};
  return times;
}

TEST(Profile, SharesAndPhasesAddUp) {
  const std::string table = profile_table(small_net(), 5, 4, times_of_four_steps());
  const Lines lines = lines_of(table);
  double shares = 0.0;
  std::map<std::string, double> sums;
  for (const auto& [name, line] : lines) {
    if (name.second == "(all)") continue;
    shares += line.share;
    sums[name.first] += line.milliseconds;
  }
  shares += lines.at({"other", "(all)"}).share;
  // Each of the twelve shares is rounded to a hundredth.
  EXPECT_NEAR(shares, 100.0, 12 * 0.005);
  for (const char* phase : {"read", "augment", "forward", "backward", "update"}) {
    EXPECT_NEAR(lines.at({phase, "(all)"}).milliseconds, sums.at(phase), 5 * 0.0005) << phase;
  }
  EXPECT_NEAR(lines.at({"read", "(all)"}).milliseconds, 25.0, 0.001);
  EXPECT_NEAR(lines.at({"backward", "(all)"}).milliseconds, 80.0, 0.001);
  EXPECT_NEAR(lines.at({"other", "(all)"}).milliseconds, 1e3 * (0.9 - 0.71) / 4, 0.001);
  EXPECT_NEAR(lines.at({"(all)", "(all)"}).milliseconds, 225.0, 0.001);
  EXPECT_EQ(lines.at({"(all)", "(all)"}).share, 100.0);
  EXPECT_NE(table.find("4 steps of 5 images, 32-bit activations: 20.0 images/s"), std::string::npos) << table;
}

TEST(Profile, RatesAreWorkOverTime) {
  const NetSpec net = parse_net(read_text_file("examples/nets/alexnet.net", kMaxNetBytes), "alexnet.net");
  StepTimes times;
  times.steps = 2;
  times.images = 256;
  times.seconds = 1.0;
  times.layers = {
      {{0, 2}, Phase::forward, 0.5}, {{0, 2}, Phase::backward, 0.25}, {{2, 3}, Phase::forward, 0.25}};
  const Lines lines = lines_of(profile_table(net, 128, 2, times));
  // 105,415,200 multiply-adds per image, 128 images and a quarter of a second per step.
  EXPECT_NEAR(std::stod(lines.at({"forward", "conv1+relu1"}).gigaflops), 2 * 128 * 0.1054152 / 0.25, 0.05);
  EXPECT_NEAR(std::stod(lines.at({"backward", "conv1+relu1"}).gigaflops), 2 * 128 * 0.1054152 / 0.125, 0.05);
  EXPECT_EQ(lines.at({"forward", "lrn1"}).gigaflops, "-");
  // It reads and writes 55x55x96 values of two bytes.
  const double megabytes = 128 * 2 * 2 * 55 * 55 * 96 * 1e-6;
  EXPECT_NEAR(std::stod(lines.at({"forward", "lrn1"}).megabytes), megabytes, 0.005);
  EXPECT_NEAR(std::stod(lines.at({"forward", "lrn1"}).gigabytes), megabytes * 1e-3 / 0.125, 0.05);
}

TEST(Profile, LinesOfOneLayerAreOne) {
  StepTimes times;
  times.steps = 1;
  times.seconds = 1.0;
  times.layers = {
      {kSoftmax, Phase::forward, 0.1}, {kSoftmax, Phase::forward, 0.2}, {kFc, Phase::update, 0.3}};
  const Lines lines = lines_of(profile_table(small_net(), 5, 4, times));
  EXPECT_NEAR(lines.at({"forward", "softmax"}).milliseconds, 300.0, 0.001);
  EXPECT_NEAR(lines.at({"update", "f1"}).milliseconds, 300.0, 0.001);
  EXPECT_NEAR(lines.at({"other", "(all)"}).milliseconds, 400.0, 0.001);
}

TEST(Profile, SaysWhatItDoesNotKnow) {
  StepTimes times;
  EXPECT_EQ(profile_table(small_net(), 5, 4, times), "# no step was taken: there is nothing to profile\n");
  times.steps = 2;
  times.images = 10;
  times.seconds = 0.5;
  times.read_seconds = 0.25;
  const std::string table = profile_table(small_net(), 5, 4, times);
  EXPECT_NE(table.find("this device does not time its layers"), std::string::npos) << table;
  const Lines lines = lines_of(table);
  EXPECT_EQ(lines.at({"read", "(all)"}).share, 50.0);
  EXPECT_EQ(lines.at({"other", "(all)"}).share, 50.0);
  EXPECT_EQ(lines.count({"forward", "(all)"}), 0U);
}

TEST(Profile, TimeBetweenSubtractsLineByLine) {
  const std::vector<LayerTime> before{{kConv, Phase::forward, 1.0}, {kFc, Phase::forward, 2.0}};
  const std::vector<LayerTime> after{{kConv, Phase::forward, 1.5}, {kFc, Phase::forward, 4.0}};
  const std::vector<LayerTime> between = time_between(before, after);
  ASSERT_EQ(between.size(), 2U);
  EXPECT_EQ(between[0].seconds, 0.5);
  EXPECT_EQ(between[1].layers, kFc);
  EXPECT_EQ(between[1].seconds, 2.0);
  EXPECT_EQ(time_between({}, after)[1].seconds, 4.0);
  EXPECT_THROW((void)time_between(before, {}), Error);
}

}  // namespace
}  // namespace convoy
