// compile_cuda: whole nets against the CPU backend, and what the interface promises.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <span>
#include <string>

#include "lib/base/error.h"
#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "lib/net/cuda/plan.h"
#include "lib/net/truncated.h"
#include "tests/support/cases_frozen.h"
#include "tests/support/net_runs.h"
#include "tests/support/small_nets.h"

namespace convoy {
namespace {

constexpr std::uint64_t kSeed = 5;

CompileOptions options_for(int batch, Mode mode = Mode::train, Element precision = Element::f32) {
  CompileOptions options;
  options.batch = batch;
  options.mode = mode;
  options.precision = precision;
  options.seed = kSeed;
  options.threads = 2;
  return options;
}

class CudaNet : public ::testing::TestWithParam<NetCase> {
 protected:
  NetSpec net_ = parse_net(GetParam().text, GetParam().name);
  std::vector<ParameterInfo> infos_ = parameters_of(net_);
};

void expect_close(const std::vector<float>& got, const std::vector<float>& want, double factor,
                  const std::string& what) {
  double largest = 0.0;
  for (const float value : want) largest = std::max(largest, std::abs(double{value}));
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_LE(std::abs(double{got[i]} - want[i]), factor * largest)
        << what << " [" << i << "]: got " << got[i] << ", want " << want[i];
  }
}

// Values pass through at most some 14 layers forward and 14 backward. Each layer sums at most 600 terms,
// whose rounding error on either device is within 600 * 2^-24 of the sum of their magnitudes: 1e-3 in the
// worst case, and far less with random signs. A wrong formula gives errors of the order of 1.
constexpr double kNetTolerance = 2e-4;

TEST_P(CudaNet, LeavesOutTheWorkOfLayersThatDoNotLearn) {
  // The emulated device is slow.
  const auto check = [&](Element precision, const std::vector<std::string>& cases) {
    SCOPED_TRACE(std::string(element_name(precision)));
    check_frozen_cases(net_, 2, cases, [&](const NetSpec& spec, const std::vector<bool>& learning) {
      CompileOptions options = options_for(2, Mode::train, precision);
      options.threads = 1;
      options.learning = learning;
      return compile_cuda(spec, options, 0);
    });
  };
  check(Element::f32, {"the first", "all"});
  check(Element::bf16, {"those in between"});
}

// Steps that overlap, and between which layers are frozen and learn again, by another rule.
TEST_P(CudaNet, ChangesBetweenStepsThatOverlap) {
  std::vector<ParameterFactors> first_still;
  std::vector<ParameterFactors> last_still;
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    first_still.push_back({i < 2 ? 0.0 : infos_[i].lr, infos_[i].decay});
    last_still.push_back({i + 2 >= infos_.size() ? 0.0 : infos_[i].lr, infos_[i].decay});
  }
  std::vector<SgdRule> rules(6, SgdRule{1e-4, 0.9, 0.5});
  rules[1].factors = rules[2].factors = first_still;
  rules[4].factors = last_still;
  for (const std::size_t step : {2, 4}) {
    rules[step].learning_rate = 1.0;
    rules[step].lars_trust = 0.001;
  }
  const auto overlapped = compile_cuda(net_, options_for(3), 0);
  const auto apart = compile_cuda(net_, options_for(3), 0);
  start_net(*overlapped, kSeed);
  start_net(*apart, kSeed);
  for (std::size_t step = 0; step < rules.size(); ++step) {
    const RandomBatch batch(net_, 3, step);
    if (step >= 2) (void)overlapped->finish_step();
    overlapped->start_step(batch.view(), rules[step]);
    (void)apart->train_step(batch.view(), rules[step]);
  }
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    EXPECT_EQ(parameter_of(*overlapped, &CompiledNet::get_parameter, i),
              parameter_of(*apart, &CompiledNet::get_parameter, i));
  }
}

TEST_P(CudaNet, StepsLikeTheCpu) {
  const auto gpu = compile_cuda(net_, options_for(4), 0);
  const auto cpu = compile_cpu(net_, options_for(4));
  start_net(*gpu, kSeed);
  start_net(*cpu, kSeed);
  const SgdRule rule{1e-5, 0.9, 5.0};
  // A full batch, another after the first update, and three of four images.
  for (const int count : {4, 4, 3}) {
    SCOPED_TRACE(std::to_string(count) + " images");
    const RandomBatch batch(net_, count, 60 + static_cast<std::uint64_t>(count));
    const BatchResult got = gpu->train_step(batch.view(), rule);
    const BatchResult want = cpu->train_step(batch.view(), rule);
    EXPECT_NEAR(got.loss_sum, want.loss_sum, kNetTolerance * (1.0 + want.loss_sum));
    EXPECT_EQ(got.top1_wrong, want.top1_wrong);
    EXPECT_EQ(got.top5_wrong, want.top5_wrong);
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      for (const auto getter :
           {&CompiledNet::get_gradient, &CompiledNet::get_momentum, &CompiledNet::get_parameter}) {
        expect_close(parameter_of(*gpu, getter, i), parameter_of(*cpu, getter, i), kNetTolerance,
                     infos_[i].name);
      }
    }
  }
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

// In bf16 some ReLUs switch and some maxima move, which no bound on rounding covers, so gradients need only
// point the same way. Master weights are floats and follow the gradient exactly, up to float rounding.
// Also a batch that is one part.
TEST_P(CudaNet, StepsInPartsLikeTheCpu) {
  CompileOptions options = options_for(2);
  options.parts = 3;
  const auto gpu = compile_cuda(net_, options, 0);
  const auto cpu = compile_cpu(net_, options_for(6));
  for (CompiledNet* const one : {gpu.get(), cpu.get()}) start_net(*one, kSeed);
  const SgdRule rule{1e-5, 0.9, 5.0};
  std::vector<Parts> cases = kPartsCases;
  cases.push_back({2, {2}});
  for (const Parts& parts : cases) {
    const int count = std::accumulate(parts.images.begin(), parts.images.end(), 0);
    SCOPED_TRACE(std::to_string(count) + " images in " + std::to_string(parts.images.size()) + " parts");
    const RandomBatch batch(net_, count, 70 + static_cast<std::uint64_t>(count));
    const BatchResult got = step_in_parts(*gpu, batch, parts, rule);
    const BatchResult want = cpu->train_step(batch.view(), rule);
    EXPECT_NEAR(got.loss_sum, want.loss_sum, kNetTolerance * (1.0 + want.loss_sum));
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      for (const auto getter : {&CompiledNet::get_momentum, &CompiledNet::get_parameter}) {
        expect_close(parameter_of(*gpu, getter, i), parameter_of(*cpu, getter, i), kNetTolerance,
                     infos_[i].name);
      }
    }
  }
}

TEST_P(CudaNet, StepsTheSameWayInBf16) {
  const auto gpu = compile_cuda(net_, options_for(4, Mode::train, Element::bf16), 0);
  const auto cpu = compile_cpu(net_, options_for(4));
  initialize_parameters(*gpu, kSeed);
  initialize_parameters(*cpu, kSeed);
  const RandomBatch batch(net_, 4, 64);
  const SgdRule rule{0.01, 0.9, 0.05};
  std::vector<std::vector<float>> before;
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    before.push_back(parameter_of(*gpu, &CompiledNet::get_parameter, i));
  }
  const BatchResult got = gpu->train_step(batch.view(), rule);
  const BatchResult want = cpu->train_step(batch.view(), rule);
  EXPECT_NEAR(got.loss_sum, want.loss_sum, 0.1 * (1.0 + want.loss_sum));
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    const std::vector<float> gradient = parameter_of(*gpu, &CompiledNet::get_gradient, i);
    const std::vector<float> exact = parameter_of(*cpu, &CompiledNet::get_gradient, i);
    EXPECT_GT(dot(gradient, exact) / std::sqrt(dot(gradient, gradient) * dot(exact, exact)), 0.9)
        << infos_[i].name;
    std::vector<float> moved = before[i];
    const double rate = rule.learning_rate * infos_[i].lr;
    for (std::size_t j = 0; j < moved.size(); ++j) {
      const double step = gradient[j] + rule.weight_decay * infos_[i].decay * moved[j];
      moved[j] = static_cast<float>(moved[j] - rate * step);
    }
    expect_close(parameter_of(*gpu, &CompiledNet::get_parameter, i), moved, 8 * 0x1p-24, infos_[i].name);
  }
}

SgdRule lars_rule() {
  SgdRule rule{1.0, 0.9, 0.05};
  rule.lars_trust = 0.001;
  return rule;
}

TEST_P(CudaNet, StepsByLarsLikeTheCpu) {
  CompileOptions options = options_for(2);
  options.parts = 3;
  const auto gpu = compile_cuda(net_, options, 0);
  const auto cpu = compile_cpu(net_, options);
  start_net(*gpu, kSeed);
  start_net(*cpu, kSeed);
  for (const Parts& parts : {Parts{2, {2}}, Parts{2, {1}}, Parts{2, {2, 1, 0}}}) {
    const int count = std::accumulate(parts.images.begin(), parts.images.end(), 0);
    SCOPED_TRACE(std::to_string(count) + " images in " + std::to_string(parts.images.size()) + " parts");
    const RandomBatch batch(net_, count, 70 + static_cast<std::uint64_t>(count));
    (void)step_in_parts(*gpu, batch, parts, lars_rule());
    (void)step_in_parts(*cpu, batch, parts, lars_rule());
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      for (const auto getter : {&CompiledNet::get_momentum, &CompiledNet::get_parameter}) {
        expect_close(parameter_of(*gpu, getter, i), parameter_of(*cpu, getter, i), kNetTolerance,
                     infos_[i].name);
      }
    }
  }
}

// The masters take the step that the net's own gradients, which are rounded, give them.
TEST_P(CudaNet, StepsByLarsInBf16) {
  const auto gpu = compile_cuda(net_, options_for(4, Mode::train, Element::bf16), 0);
  initialize_parameters(*gpu, kSeed);
  std::vector<std::vector<float>> before;
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    before.push_back(parameter_of(*gpu, &CompiledNet::get_parameter, i));
  }
  (void)gpu->train_step(RandomBatch(net_, 4, 64).view(), lars_rule());
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    const std::vector<float> gradient = parameter_of(*gpu, &CompiledNet::get_gradient, i);
    const std::vector<double> want = moved_by_lars(
        lars_rule(), infos_[i], {before[i].begin(), before[i].end()}, {gradient.begin(), gradient.end()});
    expect_close(parameter_of(*gpu, &CompiledNet::get_parameter, i), {want.begin(), want.end()}, 8 * 0x1p-24,
                 infos_[i].name);
  }
}

TEST_P(CudaNet, InfersLikeTheCpu) {
  for (const Mode mode : {Mode::infer, Mode::train}) {
    const auto gpu = compile_cuda(net_, options_for(4, mode), 0);
    const auto cpu = compile_cpu(net_, options_for(4, mode));
    initialize_parameters(*gpu, kSeed);
    initialize_parameters(*cpu, kSeed);
    for (const int count : {4, 1}) {
      const RandomBatch batch(net_, count, 70);
      std::vector<float> got(static_cast<std::size_t>(count * net_.classes()));
      std::vector<float> want = got;
      gpu->infer(batch.view(), got);
      cpu->infer(batch.view(), want);
      expect_close(got, want, kNetTolerance, "probabilities");
      BatchView unlabelled = batch.view();
      unlabelled.labels = {};
      unlabelled.records = {};
      unlabelled.epochs = {};
      std::vector<float> again(got.size());
      gpu->infer(unlabelled, again);
      EXPECT_EQ(got, again);
      const BatchResult a = gpu->evaluate(batch.view());
      const BatchResult b = cpu->evaluate(batch.view());
      EXPECT_NEAR(a.loss_sum, b.loss_sum, kNetTolerance * (1.0 + b.loss_sum));
      EXPECT_EQ(a.top1_wrong, b.top1_wrong);
      EXPECT_EQ(a.top5_wrong, b.top5_wrong);
    }
  }
}

// Of every layer, in C,H,W order whatever the layout on the device is.
TEST_P(CudaNet, HasTheActivationsOfTheCpu) {
  for (std::size_t layer = 0; layer + 1 < net_.layers.size(); ++layer) {
    const NetSpec part = net_up_to(net_, net_.layers[layer].name, "net");
    const auto gpu = compile_cuda(part, options_for(4, Mode::infer), 0);
    const auto cpu = compile_cpu(part, options_for(4, Mode::infer));
    start_net(*gpu, kSeed, 0.0F);
    start_net(*cpu, kSeed, 0.0F);
    const RandomBatch batch(net_, 3, 75);
    const BatchView view{
        .images = batch.images, .crops = batch.crops, .labels = {}, .records = {}, .epochs = {}};
    std::vector<float> got(static_cast<std::size_t>(3 * part.classes()));
    std::vector<float> want = got;
    gpu->activations(view, got);
    cpu->activations(view, want);
    expect_close(got, want, kNetTolerance, net_.layers[layer].name);
  }
}

// The memory of several nets is the sum of what each is refused for.
TEST_P(CudaNet, NeedsWhatIsPlanned) {
  const CompileOptions options = options_for(4, Mode::infer);
  const CudaNeed need = need_cuda(net_, options, 0);
  EXPECT_GT(need.device.weights, 0U);
  EXPECT_GT(need.device.activations, 0U);
  CompileOptions tight = options;
  tight.memory = {.bytes = need.host.total(), .source = "test"};
  EXPECT_NE(compile_cuda(net_, tight, 0), nullptr);
  tight.memory.bytes = need.host.total() - 1;
  EXPECT_THROW((void)compile_cuda(net_, tight, 0), Error);
  tight.memory.bytes = need_cpu(net_, options).total();
  EXPECT_NE(compile_cpu(net_, tight), nullptr);
  tight.memory.bytes -= 1;
  EXPECT_THROW((void)compile_cpu(net_, tight), Error);
}

// Overlapping steps and consecutive steps give the same bits, and so does a net that continues with the
// weights and momenta of another.
TEST_P(CudaNet, SameBitsHoweverTheStepsAreTaken) {
  for (const Element precision : {Element::f32, Element::bf16}) {
    const CompileOptions options = options_for(4, Mode::train, precision);
    const auto apart = compile_cuda(net_, options, 0);
    const auto overlapped = compile_cuda(net_, options, 0);
    const auto resumed = compile_cuda(net_, options, 0);
    start_net(*apart, kSeed);
    start_net(*overlapped, kSeed);
    start_net(*resumed, kSeed + 1);
    const SgdRule rule{1e-4, 0.9, 0.5};
    constexpr std::uint64_t kSteps = 5;
    std::vector<double> losses;
    for (std::uint64_t step = 0; step < kSteps; ++step) {
      if (step == 2) {
        // A step does not change the mean, so it is set as at the start.
        start_net(*resumed, kSeed);
        for (std::size_t i = 0; i < infos_.size(); ++i) {
          resumed->set_parameter(i, parameter_of(*apart, &CompiledNet::get_parameter, i));
          resumed->set_momentum(i, parameter_of(*apart, &CompiledNet::get_momentum, i));
        }
      }
      const RandomBatch batch(net_, 4, 80 + step);
      losses.push_back(apart->train_step(batch.view(), rule).loss_sum);
      if (step >= 2) {
        EXPECT_EQ(resumed->train_step(batch.view(), rule).loss_sum, losses.back());
      }
    }
    std::vector<double> overlapped_losses;
    for (std::uint64_t step = 0; step < kSteps; ++step) {
      // The batch is destroyed as soon as start_step returns.
      overlapped->start_step(RandomBatch(net_, 4, 80 + step).view(), rule);
      if (step > 0) overlapped_losses.push_back(overlapped->finish_step().loss_sum);
    }
    overlapped_losses.push_back(overlapped->finish_step().loss_sum);
    EXPECT_EQ(losses, overlapped_losses);
    for (std::size_t i = 0; i < infos_.size(); ++i) {
      const std::vector<float> want = parameter_of(*apart, &CompiledNet::get_parameter, i);
      EXPECT_EQ(parameter_of(*overlapped, &CompiledNet::get_parameter, i), want) << infos_[i].name;
      EXPECT_EQ(parameter_of(*resumed, &CompiledNet::get_parameter, i), want) << infos_[i].name;
    }
  }
}

TEST_P(CudaNet, GivesBackTheBitsThatItWasGiven) {
  const auto gpu = compile_cuda(net_, options_for(2, Mode::train, Element::bf16), 0);
  TestRandom random(90);
  for (std::size_t i = 0; i < infos_.size(); ++i) {
    const std::vector<float> weights = floats(random.values(infos_[i].elements()));
    const std::vector<float> momenta = floats(random.values(infos_[i].elements()));
    gpu->set_parameter(i, weights);
    gpu->set_momentum(i, momenta);
    EXPECT_EQ(parameter_of(*gpu, &CompiledNet::get_parameter, i), weights) << infos_[i].name;
    EXPECT_EQ(parameter_of(*gpu, &CompiledNet::get_momentum, i), momenta) << infos_[i].name;
  }
}

// Inference while a step is under way does not disturb the step and sees the weights after it.
TEST_P(CudaNet, InferenceSeesTheStepsStarted) {
  const auto gpu = compile_cuda(net_, options_for(4), 0);
  const auto twin = compile_cuda(net_, options_for(4), 0);
  start_net(*gpu, kSeed);
  start_net(*twin, kSeed);
  const RandomBatch batch(net_, 4, 110);
  const RandomBatch other(net_, 3, 111);
  const SgdRule rule{1e-3, 0.9, 0.5};
  const BatchResult want = twin->train_step(batch.view(), rule);
  gpu->start_step(batch.view(), rule);
  EXPECT_EQ(gpu->evaluate(other.view()).loss_sum, twin->evaluate(other.view()).loss_sum);
  EXPECT_EQ(gpu->finish_step().loss_sum, want.loss_sum);
}

INSTANTIATE_TEST_SUITE_P(Nets, CudaNet, ::testing::ValuesIn(kSmallNets),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(CompileCuda, FusesWhatBelongsTogether) {
  const NetSpec net = parse_net(kSmallNets[0].text, kSmallNets[0].name);
  const auto gpu = compile_cuda(net, options_for(2, Mode::train, Element::bf16), 0);
  std::string all;
  for (const std::string& line : gpu->describe_primitives()) all += line + "\n";
  EXPECT_NE(all.find("conv1+relu1 forward implicit-gemm own nhwc bf16 space-to-depth"), std::string::npos)
      << all;
  EXPECT_NE(all.find("lrn1+maxpool1 backward lrn+maxpool"), std::string::npos) << all;
}

TEST(CompileCuda, SaysWhatCannotBe) {
  const NetSpec net = parse_net("input 3x3x1\nfc fc1 2\nsoftmax\n", "net");
  EXPECT_THROW((void)compile_cuda(net, options_for(0), 0), Error);
  const auto inference = compile_cuda(net, options_for(1, Mode::infer), 0);
  const RandomBatch batch(net, 1, 1);
  EXPECT_THROW((void)inference->train_step(batch.view(), {}), Error);
  const auto training = compile_cuda(net, options_for(1), 0);
  EXPECT_THROW((void)training->finish_step(), Error);
  const RandomBatch large(net, 2, 1);
  EXPECT_THROW((void)training->train_step(large.view(), {}), Error);
  training->start_step(batch.view(), {});
  training->start_step(batch.view(), {});
  EXPECT_THROW(training->start_step(batch.view(), {}), Error);
}

// A label or crop out of range would make kernels read and write out of bounds.
TEST(CompileCuda, RefusesBatchesThatDoNotFit) {
  const NetSpec net = parse_net("input 3x3x1 from=5x5\nfc fc1 2\nsoftmax\n", "net");
  const auto gpu = compile_cuda(net, options_for(2), 0);
  const auto cpu = compile_cpu(net, options_for(2));
  std::vector<float> probabilities(4);
  for (CompiledNet* const compiled : {gpu.get(), cpu.get()}) {
    const auto refused = [&](const auto& change) {
      RandomBatch batch(net, 2, 1);
      change(batch);
      EXPECT_THROW((void)compiled->train_step(batch.view(), {}), Error);
      EXPECT_THROW((void)compiled->evaluate(batch.view()), Error);
    };
    refused([](RandomBatch& batch) { batch.labels[1] = 2; });
    refused([](RandomBatch& batch) { batch.labels[0] = -1; });
    refused([](RandomBatch& batch) { batch.labels.pop_back(); });
    refused([](RandomBatch& batch) { batch.crops.pop_back(); });
    refused([](RandomBatch& batch) { batch.crops[1].top = 3; });
    refused([](RandomBatch& batch) { batch.crops[0].left = -1; });
    refused([&](RandomBatch& batch) { batch = RandomBatch(net, 0, 1); });
    const RandomBatch batch(net, 2, 1);
    EXPECT_THROW(compiled->infer(batch.view(), std::span(probabilities).first(3)), Error);
    EXPECT_NO_THROW((void)compiled->train_step(batch.view(), {}));
    RandomBatch unlabelled = batch;
    unlabelled.labels = {-1, -1};
    EXPECT_NO_THROW(compiled->infer(unlabelled.view(), probabilities));
  }
}

// Devices differ in the shared memory of a block. Layers that do not fit as one run apart, and a layer that
// does not fit at all is an error before the first step.
TEST(CompileCuda, PlansForTheSharedMemoryThatThereIs) {
  const auto names = [](int filters, std::uint64_t shared_bytes) {
    const NetSpec net = parse_net("input 4x4x1\nconv conv1 " + std::to_string(filters) +
                                      " 1x1\nlrn\nmaxpool 3x3 stride=1\nfc fc1 2\nsoftmax\n",
                                  "net");
    const CudaPlan plan(net, options_for(1, Mode::train, Element::bf16), shared_bytes);
    std::string all;
    for (const CudaPlannedLayer& planned : plan.layers()) all += joined_name(net, planned.layers) + " ";
    return all;
  };
  EXPECT_EQ(names(6000, 227 * 1024), "conv1 lrn1+maxpool1 fc1 ");
  EXPECT_EQ(names(6000, 99 * 1024), "conv1 lrn1 maxpool1 fc1 ");
  EXPECT_EQ(names(26000, 227 * 1024), "conv1 lrn1 maxpool1 fc1 ");
  EXPECT_THROW((void)names(26000, 99 * 1024), Error);
}

// 2^22 images of 64x64 are more than any device can hold. The error names a smaller batch.
TEST(CompileCuda, NamesTheBatchThatWouldFit) {
  const NetSpec net = parse_net("input 64x64x3\nconv conv1 8 3x3\nfc fc1 2\nsoftmax\n", "net");
  try {
    (void)compile_cuda(net, options_for(1 << 22), 0);
    FAIL() << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("a batch of 4194304 needs"), std::string::npos) << text;
    EXPECT_NE(text.find("would fit"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace convoy
