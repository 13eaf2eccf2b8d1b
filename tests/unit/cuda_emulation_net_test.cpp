// Steps and inference of whole nets under many schedules of streams, blocks and warps. A missing wait or
// barrier gives different bits under some schedule.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "tests/cuda_emulation/schedules.h"
#include "tests/support/net_runs.h"
#include "tests/support/small_nets.h"

namespace convoy {
namespace {

constexpr std::uint64_t kSeed = 5;
constexpr int kImages = 4;

// Losses, probabilities and weights of overlapping steps with inference in between.
std::vector<double> results_of(const NetSpec& net) {
  CompileOptions options;
  options.batch = kImages;
  options.mode = Mode::train;
  options.precision = Element::bf16;
  options.seed = kSeed;
  options.threads = 1;
  const auto compiled = compile_cuda(net, options, 0);
  start_net(*compiled, kSeed);
  const SgdRule plain{1e-3, 0.9, 0.5};
  SgdRule lars{1.0, 0.9, 0.5};
  lars.lars_trust = 0.001;
  std::vector<double> results;
  const auto start = [&](std::uint64_t step) {
    const bool by_lars = step == 2 || step == 3;
    compiled->start_step(RandomBatch(net, kImages, step).view(), by_lars ? lars : plain);
  };
  start(1);
  start(2);
  results.push_back(compiled->finish_step().loss_sum);
  start(3);
  results.push_back(compiled->finish_step().loss_sum);
  std::vector<float> probabilities(static_cast<std::size_t>(kImages * net.classes()));
  compiled->infer(RandomBatch(net, kImages, 4).view(), probabilities);
  results.insert(results.end(), probabilities.begin(), probabilities.end());
  start(5);
  results.push_back(compiled->finish_step().loss_sum);
  results.push_back(compiled->finish_step().loss_sum);
  for (std::size_t i = 0; i < parameters_of(net).size(); ++i) {
    const std::vector<float> values = parameter_of(*compiled, &CompiledNet::get_parameter, i);
    results.insert(results.end(), values.begin(), values.end());
  }
  return results;
}

class CudaEmulationNet : public ::testing::TestWithParam<NetCase> {};

TEST_P(CudaEmulationNet, GivesTheSameBitsUnderEverySchedule) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const std::vector<double> want = results_of(net);
  constexpr int kSchedules = 8;
  EXPECT_EQ(emulation::schedules_that_show([&] { return results_of(net) != want; }, kSchedules), 0);
}

INSTANTIATE_TEST_SUITE_P(Nets, CudaEmulationNet, ::testing::ValuesIn(kSmallNets),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace convoy
