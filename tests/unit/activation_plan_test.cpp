// plan_activations: in plans of random nets, nothing is overwritten before it has been read.
#include "lib/net/activation_plan.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/tensors.h"

namespace convoy {
namespace {

constexpr std::size_t kNone = ActivationPlan::kNone;

std::vector<ActivationUse> random_net(TestRandom& random, int layers) {
  const auto coin = [&] { return random.below(2) == 1; };
  std::vector<ActivationUse> net;
  bool backward = false;
  for (int i = 0; i < layers; ++i) {
    backward = backward || coin();
    ActivationUse layer;
    layer.x_bytes = net.empty() ? 1 + static_cast<std::uint64_t>(random.below(100)) : net.back().y_bytes;
    layer.in_place = coin();
    layer.y_bytes = layer.in_place ? layer.x_bytes : 1 + static_cast<std::uint64_t>(random.below(100));
    layer.dy_bytes = layer.y_bytes;
    layer.gradient_in_place = layer.in_place || coin();
    layer.backward = backward;
    layer.backward_reads_x = !layer.in_place && coin();
    layer.backward_reads_y = coin();
    net.push_back(layer);
  }
  return net;
}

void check_forward(const std::vector<ActivationUse>& net, const ActivationPlan& plan) {
  std::set<std::size_t> kept;  // buffers that the backward pass will read
  for (std::size_t i = 0; i < net.size(); ++i) {
    const ActivationPlan::Layer& layer = plan.layers[i];
    EXPECT_TRUE(i == 0 || layer.x == plan.layers[i - 1].y) << i;
    if (net[i].backward && net[i].backward_reads_x) kept.insert(layer.x);
    EXPECT_TRUE(net[i].in_place || layer.y != layer.x) << i;
    EXPECT_FALSE(kept.contains(layer.y)) << i << " overwrites what is read again";
    if (net[i].backward && net[i].backward_reads_y) kept.insert(layer.y);
    EXPECT_GE(plan.buffers[layer.x], net[i].x_bytes) << i;
    EXPECT_GE(plan.buffers[layer.y], net[i].y_bytes) << i;
  }
  EXPECT_GE(plan.layers.back().y, 2U) << "the scores are overwritten by their gradient";
  for (const std::size_t buffer : kept) EXPECT_GE(buffer, 2U) << "gradients overwrite what is read again";
}

void check_backward(const std::vector<ActivationUse>& net, const ActivationPlan& plan) {
  for (std::size_t i = 0; i < net.size(); ++i) {
    const ActivationPlan::Layer& layer = plan.layers[i];
    EXPECT_EQ(layer.dy == kNone, !net[i].backward) << i;
    EXPECT_EQ(layer.dx == kNone, i == 0 || !net[i - 1].backward) << i;
    if (layer.dy == kNone) continue;
    EXPECT_LT(layer.dy, 2U) << i;
    EXPECT_GE(plan.buffers[layer.dy], net[i].dy_bytes) << i;
    if (layer.dx == kNone) continue;
    EXPECT_EQ(layer.dx, plan.layers[i - 1].dy) << i;
    EXPECT_EQ(layer.dx == layer.dy, net[i].gradient_in_place) << i;
  }
}

TEST(ActivationPlan, LosesNothingBeforeItIsRead) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TestRandom random(seed);
    const std::vector<ActivationUse> net = random_net(random, 1 + random.below(12));
    const ActivationPlan plan = plan_activations(net);
    ASSERT_EQ(plan.layers.size(), net.size());
    check_forward(net, plan);
    check_backward(net, plan);
    if (HasFailure()) return;
  }
}

// Without a backward pass, all activations except the scores take turns in two buffers.
TEST(ActivationPlan, InferenceNeedsTwoBuffersAndTheScores) {
  TestRandom random(1);
  std::vector<ActivationUse> net = random_net(random, 9);
  for (ActivationUse& layer : net) layer.backward = false;
  const ActivationPlan plan = plan_activations(net);
  EXPECT_EQ(plan.buffers.size(), 3U);
  check_forward(net, plan);
}

}  // namespace
}  // namespace convoy
