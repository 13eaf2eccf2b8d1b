// plan_layers: which layers are computed as one, and what each is told of those around it.
#include "lib/net/layer_plan.h"

#include <gtest/gtest.h>

namespace convoy {
namespace {

// A layer that does nothing but remember what it was made with.
struct FakeLayer {
  LayerOptions options;
  TensorShape after;
  [[nodiscard]] TensorShape out() const { return after; }
};

TensorShape shape_of(const Extent& extent) { return {2, extent.channels, extent.height, extent.width, 1}; }

using Plan = LayerPlan<PlannedLayer<FakeLayer>>;

// pairs: whether the backend has one pass for lrn and maxpool.
Plan plan(const NetSpec& net, bool train, bool pairs) {
  const auto one = [](const LayerSpec& spec, const LayerOptions& options) {
    return std::make_unique<FakeLayer>(FakeLayer{options, shape_of(spec.out)});
  };
  const auto two = [&](const LayerSpec& first, const LayerSpec& second, const LayerOptions& options) {
    const bool fits =
        std::holds_alternative<LrnSpec>(first.kind) && std::holds_alternative<PoolSpec>(second.kind);
    return pairs && fits ? one(second, options) : nullptr;
  };
  return plan_layers<PlannedLayer<FakeLayer>>(net, {.in = shape_of(net.input.crop), .train = train}, one,
                                              two);
}

// "name:" and a letter for each thing that the layer was told.
std::vector<std::string> told(const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& p : plan.layers) {
    const LayerOptions& o = p.layer->options;
    lines.push_back(p.name + ":" + (o.first ? " first" : "") + (o.relu_input ? " relu-input" : "") +
                    (o.relu ? " relu" : "") + (o.scores ? " scores" : "") +
                    (o.input_gradient ? " input-gradient" : "") + (p.backward ? " backward" : "") + " " +
                    std::to_string(o.dropout_layer) + " " + std::to_string(p.parameter));
  }
  return lines;
}

const std::string kNet =
    "input 16x16x3\nmaxpool 2x2 stride=2\nconv conv1 4 3x3 pad=1\nrelu\nlrn\n"
    "maxpool 2x2 stride=2\nrelu\ndropout 0.5\nfc fc1 5\ntanh\ndropout 0.5\nfc fc2 3\n"
    "softmax\n";

using Lines = std::vector<std::string>;

TEST(LayerPlan, ReluAndPairsAreComputedWithTheLayerBefore) {
  const NetSpec net = parse_net(kNet, "net");
  const Plan both = plan(net, true, true);
  EXPECT_EQ(told(both),
            (Lines{"maxpool1: first 0 0", "conv1+relu1: relu backward 0 0",
                   "lrn1+maxpool2+relu2: relu-input relu input-gradient backward 0 2",
                   "dropout1: relu-input input-gradient backward 0 2", "fc1: input-gradient backward 1 2",
                   "tanh1: input-gradient backward 1 4", "dropout2: input-gradient backward 1 4",
                   "fc2: scores input-gradient backward 2 4"}));
  EXPECT_EQ(both.layer_of_parameter, (std::vector<std::size_t>{1, 1, 4, 4, 7, 7}));
  EXPECT_FALSE(both.relu_scores);
  // The input of each is the output of the one before.
  EXPECT_EQ(both.layers.front().layer->options.in.height, 16);
  for (std::size_t i = 1; i < both.layers.size(); ++i) {
    EXPECT_EQ(both.layers[i].layer->options.in.elements(), both.layers[i - 1].layer->out().elements()) << i;
  }
}

TEST(LayerPlan, LayersStandAloneWhereTheBackendHasNoPassForBoth) {
  const Plan alone = plan(parse_net(kNet, "net"), true, false);
  const Lines lines = told(alone);
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[2], "lrn1: relu-input input-gradient backward 0 2");
  EXPECT_EQ(lines[3], "maxpool2+relu2: relu input-gradient backward 0 2");
  EXPECT_EQ(alone.layer_of_parameter, (std::vector<std::size_t>{1, 1, 5, 5, 8, 8}));
}

TEST(LayerPlan, NothingHasABackwardPassInInference) {
  for (const auto& p : plan(parse_net(kNet, "net"), false, true).layers) EXPECT_FALSE(p.backward) << p.name;
}

TEST(LayerPlan, ReluBeforeTheSoftmaxIsNoted) {
  const Plan relu = plan(parse_net("input 1x1x4\nfc fc1 3\nrelu\nsoftmax\n", "net"), true, true);
  EXPECT_EQ(told(relu), (Lines{"fc1+relu1: first relu backward 0 0"}));
  EXPECT_TRUE(relu.relu_scores);
  const Plan last = plan(parse_net("input 1x1x4\nfc fc1 3\ntanh\nrelu\nsoftmax\n", "net"), true, true);
  EXPECT_EQ(told(last), (Lines{"fc1: first backward 0 0", "tanh1: input-gradient backward 0 2",
                               "relu1: input-gradient backward 0 2"}));
  EXPECT_TRUE(last.relu_scores);
}

}  // namespace
}  // namespace convoy
