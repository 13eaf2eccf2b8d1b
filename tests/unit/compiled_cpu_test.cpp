// compile_cpu: whole nets against the double-precision reference, and what the plan promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <numeric>
#include <sstream>

#include "kernels/onednn.h"
#include "lib/base/error.h"
#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "tests/support/cases_frozen.h"
#include "tests/support/net_runs.h"
#include "tests/support/reference_net.h"
#include "tests/support/small_nets.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

constexpr std::uint64_t kSeed = 5;

CompileOptions options_for(int batch, Mode mode = Mode::train) {
  CompileOptions options;
  options.batch = batch;
  options.mode = mode;
  options.seed = kSeed;
  return options;
}

// Gives both nets the same weights, momenta and mean.
void set_up(CompiledNet& net, reference::Net* twin, bool momenta) {
  const std::vector<float> mean = start_net(net, kSeed, momenta ? 0x1p-12F : 0.0F);
  if (twin == nullptr) return;
  twin->mean.assign(mean.begin(), mean.end());
  for (std::size_t i = 0; i < twin->parameters.size(); ++i) {
    const auto copy = [&](ParameterGetter getter, reference::Values& to) {
      const std::vector<float> values = parameter_of(net, getter, i);
      to.assign(values.begin(), values.end());
    };
    copy(&CompiledNet::get_parameter, twin->parameters[i]);
    if (momenta) copy(&CompiledNet::get_momentum, twin->momenta[i]);
  }
}

// Every error is within `factor` times the largest value, as errors of earlier sums spread over later values.
void expect_close(const std::vector<float>& got, const reference::Values& want, double factor,
                  const std::string& what) {
  double largest = 0.0;
  for (const double value : want) largest = std::max(largest, std::abs(value));
  const reference::Values values(got.begin(), got.end());
  expect_near(values, want, reference::Values(want.size(), largest), factor, what.c_str());
}

class WholeNet : public ::testing::TestWithParam<NetCase> {};

// Values pass through at most some 12 layers forward and 12 backward. Each layer sums at most 600 terms,
// whose rounding error is within 600 * 2^-24 of the sum of their magnitudes: 24 * 600 * 2^-24 = 9e-4 in the
// worst case, and far less with random signs. A wrong formula gives errors of the order of 1.
constexpr double kNetTolerance = 2e-4;

TEST_P(WholeNet, StepsLikeTheReference) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<ParameterInfo> infos = parameters_of(net);
  const auto compiled = compile_cpu(net, options_for(4));
  reference::Net twin(net, kSeed);
  set_up(*compiled, &twin, true);
  const SgdRule rule{1e-5, 0.9, 5.0};
  // A full batch, another after the first update, and three of four images.
  for (const int count : {4, 4, 3}) {
    SCOPED_TRACE(std::to_string(count) + " images");
    const RandomBatch batch(net, count, 60 + static_cast<std::uint64_t>(count));
    const BatchResult got = compiled->train_step(batch.view(), rule);
    const reference::StepOutcome want = twin.train_step(batch.view(), rule);
    EXPECT_NEAR(got.loss_sum, want.loss_sum, kNetTolerance * (1.0 + want.loss_sum));
    for (std::size_t i = 0; i < infos.size(); ++i) {
      expect_close(parameter_of(*compiled, &CompiledNet::get_gradient, i), want.gradients[i], kNetTolerance,
                   infos[i].name + " gradient");
      expect_close(parameter_of(*compiled, &CompiledNet::get_momentum, i), twin.momenta[i], kNetTolerance,
                   infos[i].name + " momentum");
      expect_close(parameter_of(*compiled, &CompiledNet::get_parameter, i), twin.parameters[i], kNetTolerance,
                   infos[i].name);
    }
  }
}

// A step over all images, whatever parts they come in. The reference's momentum has the gradient of all.
TEST_P(WholeNet, StepsInPartsLikeTheReference) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<ParameterInfo> infos = parameters_of(net);
  for (const bool exact : {false, true}) {
    SCOPED_TRACE(exact ? "exact sums" : "fast sums");
    CompileOptions options = options_for(2);
    options.parts = 3;
    options.exact_sums = exact;
    const auto compiled = compile_cpu(net, options);
    reference::Net twin(net, kSeed);
    set_up(*compiled, &twin, true);
    const SgdRule rule{1e-5, 0.9, 5.0};
    for (const Parts& parts : kPartsCases) {
      const int count = std::accumulate(parts.images.begin(), parts.images.end(), 0);
      SCOPED_TRACE(std::to_string(count) + " images in " + std::to_string(parts.images.size()) + " parts");
      const RandomBatch batch(net, count, 70 + static_cast<std::uint64_t>(count));
      const BatchResult got = step_in_parts(*compiled, batch, parts, rule, exact);
      const reference::StepOutcome want = twin.train_step(batch.view(), rule);
      EXPECT_NEAR(got.loss_sum, want.loss_sum, kNetTolerance * (1.0 + want.loss_sum));
      for (std::size_t i = 0; i < infos.size(); ++i) {
        expect_close(parameter_of(*compiled, &CompiledNet::get_momentum, i), twin.momenta[i], kNetTolerance,
                     infos[i].name + " momentum");
        expect_close(parameter_of(*compiled, &CompiledNet::get_parameter, i), twin.parameters[i],
                     kNetTolerance, infos[i].name);
      }
    }
  }
}

// Whole batches and batches in parts. A step moves each tensor by some thousandth of its length.
SgdRule lars_rule() {
  SgdRule rule{1.0, 0.9, 0.05};
  rule.lars_trust = 0.001;
  return rule;
}

TEST_P(WholeNet, StepsByLarsLikeTheReference) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<ParameterInfo> infos = parameters_of(net);
  CompileOptions options = options_for(2);
  options.parts = 3;
  const auto compiled = compile_cpu(net, options);
  reference::Net twin(net, kSeed);
  set_up(*compiled, &twin, true);
  std::vector<Parts> cases = kPartsCases;
  cases.push_back({2, {2}});
  for (const Parts& parts : cases) {
    const int count = std::accumulate(parts.images.begin(), parts.images.end(), 0);
    SCOPED_TRACE(std::to_string(count) + " images in " + std::to_string(parts.images.size()) + " parts");
    const RandomBatch batch(net, count, 70 + static_cast<std::uint64_t>(count));
    (void)step_in_parts(*compiled, batch, parts, lars_rule());
    (void)twin.train_step(batch.view(), lars_rule());
    for (std::size_t i = 0; i < infos.size(); ++i) {
      expect_close(parameter_of(*compiled, &CompiledNet::get_momentum, i), twin.momenta[i], kNetTolerance,
                   infos[i].name + " momentum");
      expect_close(parameter_of(*compiled, &CompiledNet::get_parameter, i), twin.parameters[i], kNetTolerance,
                   infos[i].name);
    }
  }
}

// Compiles in bf16; nullptr if oneDNN does not support it on this processor.
std::unique_ptr<CompiledNet> compile_bf16(const NetSpec& net, int batch) {
  if (!cpu::onednn_has_bf16()) return nullptr;
  CompileOptions options = options_for(batch);
  options.precision = Element::bf16;
  return compile_cpu(net, options);
}

// The cosine of the angle between two vectors, and the length of their difference relative to the second.
struct Likeness {
  double cosine = 0.0;
  double distance = 0.0;
};
Likeness likeness(const std::vector<float>& got, const reference::Values& want) {
  const reference::Values values(got.begin(), got.end());
  reference::Values difference = values;
  for (std::size_t i = 0; i < want.size(); ++i) difference[i] -= want[i];
  const double length = std::sqrt(reference::dot(want, want));
  return {reference::dot(values, want) / (length * std::sqrt(reference::dot(values, values))),
          std::sqrt(reference::dot(difference, difference)) / length};
}

// In bf16 some ReLUs switch and some maxima move, which no bound on rounding covers, so gradients need only
// point the same way. Master weights are floats and follow the gradient exactly, up to float rounding.
TEST_P(WholeNet, StepsTheSameWayInBf16) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<ParameterInfo> infos = parameters_of(net);
  const auto compiled = compile_bf16(net, 4);
  if (!compiled) GTEST_SKIP() << "no bf16 on this processor";
  reference::Net twin(net, kSeed);
  set_up(*compiled, &twin, false);
  const std::vector<reference::Values> before = twin.parameters;
  const RandomBatch batch(net, 4, 64);
  const SgdRule rule{0.01, 0.9, 0.05};
  const BatchResult got = compiled->train_step(batch.view(), rule);
  const reference::StepOutcome want = twin.train_step(batch.view(), rule);
  EXPECT_NEAR(got.loss_sum, want.loss_sum, 0.1 * (1.0 + want.loss_sum));
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::vector<float> gradient = parameter_of(*compiled, &CompiledNet::get_gradient, i);
    EXPECT_GT(likeness(gradient, want.gradients[i]).cosine, 0.9) << infos[i].name;
    reference::Values moved = before[i];
    const double rate = rule.learning_rate * infos[i].lr;
    for (std::size_t j = 0; j < moved.size(); ++j) {
      moved[j] -= rate * (gradient[j] + rule.weight_decay * infos[i].decay * moved[j]);
    }
    expect_close(parameter_of(*compiled, &CompiledNet::get_parameter, i), moved, 8 * 0x1p-24, infos[i].name);
  }
}

// The masters take the step that the net's own gradients, which are rounded, give them.
TEST_P(WholeNet, StepsByLarsInBf16) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<ParameterInfo> infos = parameters_of(net);
  const auto compiled = compile_bf16(net, 4);
  if (!compiled) GTEST_SKIP() << "no bf16 on this processor";
  reference::Net twin(net, kSeed);
  set_up(*compiled, &twin, false);
  (void)compiled->train_step(RandomBatch(net, 4, 64).view(), lars_rule());
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::vector<float> gradient = parameter_of(*compiled, &CompiledNet::get_gradient, i);
    expect_close(parameter_of(*compiled, &CompiledNet::get_parameter, i),
                 moved_by_lars(lars_rule(), infos[i], twin.parameters[i], {gradient.begin(), gradient.end()}),
                 8 * 0x1p-24, infos[i].name);
  }
}

TEST_P(WholeNet, InfersLikeTheReference) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  for (const Mode mode : {Mode::infer, Mode::train}) {
    const auto compiled = compile_cpu(net, options_for(4, mode));
    reference::Net twin(net, kSeed);
    set_up(*compiled, &twin, false);
    for (const int count : {4, 1}) {
      const RandomBatch batch(net, count, 70);
      std::vector<float> got(static_cast<std::size_t>(count * net.classes()));
      compiled->infer(batch.view(), got);
      const reference::Tensor want = twin.infer(batch.view());
      expect_close(got, want.v, kNetTolerance, "probabilities");
      const BatchResult result = compiled->evaluate(batch.view());
      double loss = 0.0;
      std::int64_t wrong = 0;
      for (int n = 0; n < count; ++n) {
        const std::int32_t label = batch.labels[static_cast<std::size_t>(n)];
        loss -= std::log(want.at(n, label, 0, 0));
        for (int c = 0; c < want.c; ++c) {
          if (want.at(n, c, 0, 0) > want.at(n, label, 0, 0)) {
            ++wrong;
            break;
          }
        }
      }
      EXPECT_NEAR(result.loss_sum, loss, kNetTolerance * (1.0 + loss));
      EXPECT_EQ(result.top1_wrong, wrong);
      if (net.classes() <= 5) {
        EXPECT_EQ(result.top5_wrong, 0);
      }
    }
  }
}

TEST_P(WholeNet, SameBitsForTheSameThreads) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::size_t parameters = parameters_of(net).size();
  const RandomBatch batch(net, 4, 80);
  std::vector<std::unique_ptr<CompiledNet>> runs;
  for (int run = 0; run < 2; ++run) {
    CompileOptions options = options_for(4);
    options.threads = 2;
    runs.push_back(compile_cpu(net, options));
    set_up(*runs.back(), nullptr, false);
    for (int step = 0; step < 3; ++step) (void)runs.back()->train_step(batch.view(), {});
  }
  for (std::size_t i = 0; i < parameters; ++i) {
    EXPECT_EQ(parameter_of(*runs[0], &CompiledNet::get_parameter, i),
              parameter_of(*runs[1], &CompiledNet::get_parameter, i));
  }
}

TEST_P(WholeNet, LeavesOutTheWorkOfLayersThatDoNotLearn) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  for (const Element precision : {Element::f32, Element::bf16}) {
    if (precision == Element::bf16 && !cpu::onednn_has_bf16()) continue;
    SCOPED_TRACE(std::string(element_name(precision)));
    check_frozen_cases(net, 4, {}, [&](const NetSpec& spec, const std::vector<bool>& learning) {
      CompileOptions options = options_for(4);
      options.precision = precision;
      options.threads = 1;
      options.learning = learning;
      return compile_cpu(spec, options);
    });
  }
}

TEST_P(WholeNet, GivesBackTheBitsThatItWasGiven) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const auto compiled = compile_cpu(net, options_for(2));
  const std::vector<ParameterInfo> infos = parameters_of(net);
  TestRandom random(90);
  for (std::size_t i = 0; i < infos.size(); ++i) {
    const std::vector<float> weights = floats(random.values(infos[i].elements()));
    const std::vector<float> momenta = floats(random.values(infos[i].elements()));
    compiled->set_parameter(i, weights);
    compiled->set_momentum(i, momenta);
    EXPECT_EQ(parameter_of(*compiled, &CompiledNet::get_parameter, i), weights) << infos[i].name;
    EXPECT_EQ(parameter_of(*compiled, &CompiledNet::get_momentum, i), momenta) << infos[i].name;
  }
}

// The result of a partial batch must not depend on the previous batch.
TEST_P(WholeNet, APartialBatchForgetsTheOneBefore) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const RandomBatch full(net, 4, 100);
  const RandomBatch part(net, 2, 101);
  const auto fresh = compile_cpu(net, options_for(4));
  const auto used = compile_cpu(net, options_for(4));
  set_up(*fresh, nullptr, false);
  set_up(*used, nullptr, false);
  (void)used->train_step(full.view(), {0.0, 0.0, 0.0});
  const BatchResult a = fresh->train_step(part.view(), {});
  const BatchResult b = used->train_step(part.view(), {});
  EXPECT_EQ(a.loss_sum, b.loss_sum);
  for (std::size_t i = 0; i < parameters_of(net).size(); ++i) {
    EXPECT_EQ(parameter_of(*fresh, &CompiledNet::get_gradient, i),
              parameter_of(*used, &CompiledNet::get_gradient, i));
  }
}

INSTANTIATE_TEST_SUITE_P(Nets, WholeNet, ::testing::ValuesIn(kSmallNets),
                         [](const auto& tested) { return std::string(tested.param.name); });

// A layer of the net that has no backward pass is in none of the times.
TEST(CompileCpu, FrozenLayersHaveNoTimes) {
  const std::string text =
      "input 8x8x3\nconv c1 4 3x3 lr=0 bias-lr=0\nrelu\nmaxpool 2x2 stride=2\nconv c2 4 3x3\nrelu\n"
      "fc f1 5 lr=0 bias-lr=0\nrelu\nfc f2 3\nsoftmax\n";
  const NetSpec net = parse_net(text, "net");
  const auto compiled = compile_cpu(net, options_for(2));
  start_net(*compiled, kSeed);
  (void)compiled->train_step(RandomBatch(net, 2, 1).view(), {});
  std::string lines;
  for (const LayerTime& time : compiled->times()) {
    const std::string name = joined_name(net, time.layers);
    if (time.phase == Phase::backward) lines += "backward " + name + (time.seconds > 0 ? "\n" : " 0\n");
    if (time.phase == Phase::update) lines += "update " + name + (time.seconds > 0 ? "\n" : " 0\n");
  }
  EXPECT_EQ(lines, "backward f2\nupdate f2\nbackward f1+relu3\nbackward c2+relu2\nupdate c2+relu2\n");
  // Below the lowest layer that learns, nothing is kept for a backward pass, and less memory is needed.
  const auto bytes_of = [&](const std::vector<bool>& learning) {
    std::uint64_t bytes = 0;
    CompileOptions options = options_for(64);
    options.learning = learning;
    options.on_planned = [&](const PlannedMemory& planned) { bytes = planned.need.activations; };
    (void)compile_cpu(net, options);
    return bytes;
  };
  EXPECT_LT(bytes_of({}), bytes_of(std::vector<bool>(net.layers.size(), true)));
}

// The factors of a rule stand for those of the net.
TEST(CompileCpu, TakesTheFactorsOfTheRule) {
  const auto text = [](const char* factors) {
    return std::string("input 6x6x2\nconv c1 4 3x3 ") + factors + "\nrelu\nfc f1 3\nsoftmax\n";
  };
  const NetSpec with = parse_net(text("lr=0.5 bias-lr=3 decay=2 bias-decay=0.25"), "net");
  const NetSpec without = parse_net(text(""), "net");
  std::vector<ParameterFactors> factors;
  for (const ParameterInfo& info : parameters_of(with)) factors.push_back({info.lr, info.decay});
  const auto one = compile_cpu(with, options_for(2));
  const auto other = compile_cpu(without, options_for(2));
  SgdRule rule{0.01, 0.9, 0.05};
  for (CompiledNet* const net : {one.get(), other.get()}) {
    start_net(*net, kSeed);
    for (std::uint64_t step = 0; step < 3; ++step) {
      (void)net->train_step(RandomBatch(without, 2, step).view(), rule);
    }
    rule.factors = factors;
  }
  for (std::size_t i = 0; i < factors.size(); ++i) {
    EXPECT_EQ(parameter_of(*one, &CompiledNet::get_parameter, i),
              parameter_of(*other, &CompiledNet::get_parameter, i));
  }
}

// Smooth everywhere, so that a small change of the input changes everything little.
constexpr const char* kSmooth = R"(
input   6x6x2
conv    conv1 4 3x3 groups=2 init=0.01
tanh
lrn     size=3 k=1 alpha=0.5 beta=0.75
avgpool 2x2 stride=2
fc      fc1 5 init=0.5
tanh
dropout 0.5
fc      fc2 3 init=0.5
softmax
)";

TEST(ReferenceNet, MatchesFiniteDifferences) {
  const NetSpec net = parse_net(kSmooth, "net");
  reference::Net twin(net, kSeed);
  const auto compiled = compile_cpu(net, options_for(3));
  set_up(*compiled, &twin, false);
  const RandomBatch batch(net, 3, 110);
  const SgdRule still{0.0, 0.0, 0.0};
  const reference::StepOutcome outcome = twin.train_step(batch.view(), still);
  for (std::size_t i = 0; i < twin.parameters.size(); ++i) {
    const auto loss = [&] { return twin.train_step(batch.view(), still).loss_sum / 3.0; };
    // conv1 reads pixels of the order of 100: its third derivatives are large, so its step is small.
    const double step = i < 2 ? 1e-6 : 1e-4;
    EXPECT_LT(reference::gradient_error(loss, twin.parameters[i], outcome.gradients[i], step), 1e-5) << i;
  }
}

// Each of 8 layers rounds its output, gradient and weights to bf16 (2^-9 relative) in both directions: 48
// roundings, which shift a gradient by at most 48 * 2^-9 = 0.094 of its length if no layer amplifies errors.
// Bias gradients are left out, as the conv's is a sum over pixels that cancels.
TEST(CompileCpu, Bf16IsAsCloseAsItsRoundingSays) {
  const NetSpec net = parse_net(kSmooth, "net");
  const auto compiled = compile_bf16(net, 3);
  if (!compiled) GTEST_SKIP() << "no bf16 on this processor";
  reference::Net twin(net, kSeed);
  set_up(*compiled, &twin, false);
  const RandomBatch batch(net, 3, 110);
  (void)compiled->train_step(batch.view(), {});
  const reference::StepOutcome want = twin.train_step(batch.view(), {});
  for (std::size_t i = 0; i < twin.parameters.size(); i += 2) {
    EXPECT_LT(likeness(parameter_of(*compiled, &CompiledNet::get_gradient, i), want.gradients[i]).distance,
              0.094)
        << i;
  }
}

NetSpec alexnet() {
  std::ifstream in("examples/nets/alexnet.net");
  std::stringstream text;
  text << in.rdbuf();
  return parse_net(text.str(), "alexnet.net");
}

// A small batch is enough, as oneDNN chooses by channels and filter sizes. A reference loop has "ref" in its
// name, and a line with reorders of activations says "reorders".
TEST(AlexNet, RunsNoReferenceLoopAndReordersNothing) {
  if (!std::ifstream("examples/nets/alexnet.net")) GTEST_SKIP() << "not run from the source folder";
  if (__builtin_cpu_supports("avx2") == 0) GTEST_SKIP() << "a processor without AVX2";
  for (const Mode mode : {Mode::train, Mode::infer}) {
    const auto compiled = compile_cpu(alexnet(), options_for(16, mode));
    const std::vector<std::string> lines = compiled->describe_primitives();
    EXPECT_GE(lines.size(), mode == Mode::train ? 30U : 8U);
    for (const std::string& line : lines) {
      EXPECT_EQ(line.find("ref"), std::string::npos) << line;
      EXPECT_EQ(line.find("reorders"), std::string::npos) << line;
    }
  }
}

TEST(CompileCpu, SaysWhatCannotBe) {
  const NetSpec net = parse_net("input 3x3x1\nfc fc1 2\nsoftmax\n", "net");
  EXPECT_THROW((void)compile_cpu(net, options_for(0)), Error);
  const auto inference = compile_cpu(net, options_for(1, Mode::infer));
  const RandomBatch batch(net, 1, 1);
  EXPECT_THROW((void)inference->train_step(batch.view(), {}), Error);
  std::vector<float> values(18);
  EXPECT_THROW(inference->set_momentum(0, values), Error);
  EXPECT_THROW(inference->get_parameter(2, values), Error);
  EXPECT_THROW(inference->get_parameter(1, values), Error);
  EXPECT_THROW(inference->set_mean(values), Error);
  EXPECT_THROW(inference->infer(batch.view(), std::span(values).first(1)), Error);
  EXPECT_THROW(inference->infer(RandomBatch(net, 2, 1).view(), values), Error);
  for (const auto& spoil :
       {+[](RandomBatch& b) { b.labels[0] = 2; }, +[](RandomBatch& b) { b.labels[0] = -1; },
        +[](RandomBatch& b) { b.crops[0].top = 1; }, +[](RandomBatch& b) { b.crops[0].left = -1; },
        +[](RandomBatch& b) { b.labels.clear(); }}) {
    RandomBatch spoilt(net, 1, 1);
    spoil(spoilt);
    EXPECT_THROW((void)inference->evaluate(spoilt.view()), Error);
  }
}

}  // namespace
}  // namespace convoy
