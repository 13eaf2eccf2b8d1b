// plan_layers: which layers are computed as one, and what each learns about its neighbours.
#include "lib/net/layer_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace convoy {
namespace {

// A layer that only remembers its options.
class FakeLayer : public Layer {
 public:
  FakeLayer(const LayerFacts& facts, const LayerOptions& told) : Layer(facts), options(told) {}
  [[nodiscard]] std::vector<std::string> describe() const override { return {"forward fake"}; }
  LayerOptions options;
};

TensorShape shape_of(const Extent& extent) { return {2, extent.channels, extent.height, extent.width, 1}; }

using Plan = LayerPlan<PlannedLayer<FakeLayer>>;

// pairs: whether the backend has one pass for lrn and maxpool.
Plan plan(const NetSpec& net, bool train, bool pairs, const std::vector<bool>& learning = {}) {
  const auto one = [](const LayerSpec& spec, const LayerOptions& options) {
    LayerFacts facts;
    facts.out = shape_of(spec.out);
    return std::make_unique<FakeLayer>(facts, options);
  };
  const auto two = [&](const LayerSpec& first, const LayerSpec& second, const LayerOptions& options) {
    const bool fits =
        std::holds_alternative<LrnSpec>(first.kind) && std::holds_alternative<PoolSpec>(second.kind);
    return pairs && fits ? one(second, options) : nullptr;
  };
  return plan_layers<PlannedLayer<FakeLayer>>(net, learning, {.in = shape_of(net.input.crop), .train = train},
                                              one, two);
}

// "name:" and a word for each of the layer's options that is set.
std::vector<std::string> options_in(const NetSpec& net, const Plan& plan) {
  std::vector<std::string> lines;
  for (const auto& p : plan.layers) {
    const LayerOptions& o = p.layer->options;
    lines.push_back(joined_name(net, p.layers) + ":" + (o.first ? " first" : "") +
                    (o.relu_input ? " relu-input" : "") + (o.relu ? " relu" : "") +
                    (o.scores ? " scores" : "") + (o.input_gradient ? " input-gradient" : "") +
                    (p.backward ? " backward" : "") + " " + std::to_string(o.dropout_layer) + " " +
                    std::to_string(p.parameter));
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
  EXPECT_EQ(options_in(net, both),
            (Lines{"maxpool1: first 0 0", "conv1+relu1: relu backward 0 0",
                   "lrn1+maxpool2+relu2: relu-input relu input-gradient backward 0 2",
                   "dropout1: relu-input input-gradient backward 0 2", "fc1: input-gradient backward 1 2",
                   "tanh1: input-gradient backward 1 4", "dropout2: input-gradient backward 1 4",
                   "fc2: scores input-gradient backward 2 4"}));
  EXPECT_EQ(both.layer_of_parameter, (std::vector<std::size_t>{1, 1, 4, 4, 7, 7}));
  EXPECT_FALSE(both.relu_scores);
  // The input of each layer is the output of the previous one.
  EXPECT_EQ(both.layers.front().layer->options.in.height, 16);
  for (std::size_t i = 1; i < both.layers.size(); ++i) {
    EXPECT_EQ(both.layers[i].layer->options.in.elements(), both.layers[i - 1].layer->facts().out.elements())
        << i;
  }
}

TEST(LayerPlan, LayersStandAloneWhereTheBackendHasNoPassForBoth) {
  const NetSpec net = parse_net(kNet, "net");
  const Plan alone = plan(net, true, false);
  const Lines lines = options_in(net, alone);
  ASSERT_EQ(lines.size(), 9U);
  EXPECT_EQ(lines[2], "lrn1: relu-input input-gradient backward 0 2");
  EXPECT_EQ(lines[3], "maxpool2+relu2: relu input-gradient backward 0 2");
  EXPECT_EQ(alone.layer_of_parameter, (std::vector<std::size_t>{1, 1, 5, 5, 8, 8}));
}

TEST(LayerPlan, OnlyLayersAboveOneThatLearnsHaveABackwardPass) {
  const NetSpec net = parse_net(kNet, "net");
  const auto learning = [&](const std::vector<std::string>& names) {
    std::vector<bool> layers;
    for (const LayerSpec& layer : net.layers) {
      layers.push_back(std::ranges::find(names, layer.name) != names.end());
    }
    return layers;
  };
  const Plan upper = plan(net, true, true, learning({"fc2", "fc1"}));
  EXPECT_EQ(options_in(net, upper),
            (Lines{"maxpool1: first 0 0", "conv1+relu1: relu 0 0", "lrn1+maxpool2+relu2: relu-input relu 0 2",
                   "dropout1: relu-input 0 2", "fc1: backward 1 2", "tanh1: input-gradient backward 1 4",
                   "dropout2: input-gradient backward 1 4", "fc2: scores input-gradient backward 2 4"}));
  EXPECT_FALSE(upper.layer_of(0).learns);
  EXPECT_TRUE(upper.layer_of(2).learns);
  Plan lower = plan(net, true, true, learning({"conv1"}));
  EXPECT_TRUE(lower.layers.back().backward);
  EXPECT_FALSE(lower.layer_of(5).learns);
  for (const auto& p : plan(net, true, true, learning({})).layers) EXPECT_FALSE(p.backward);
  EXPECT_THROW((void)plan(net, true, true, {true}), Error) << "of another net";

  // In a step whose rule lets only conv1's bias learn, the backward pass ends at conv1.
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  std::vector<ParameterFactors> factors(parameters.size(), ParameterFactors{.lr = 0, .decay = 1});
  factors[1].lr = 0.5;
  EXPECT_EQ(choose_steps(lower, parameters, {.factors = factors}), 1U);
  EXPECT_TRUE(lower.layers[1].steps);
  EXPECT_FALSE(lower.layers.back().steps);
  factors[1].lr = 0;
  EXPECT_EQ(choose_steps(lower, parameters, {.factors = factors}), lower.layers.size());
  factors[2].lr = 1;
  EXPECT_THROW((void)choose_steps(lower, parameters, {.factors = factors}), Error);
  EXPECT_THROW((void)choose_steps(lower, parameters, {}), Error) << "the net's own factors let all learn";
}

TEST(LayerPlan, FactorsOfZeroInTheNetFreeze) {
  const NetSpec net =
      parse_net("input 1x1x4\nfc fc1 3 lr=0 bias-lr=0\nfc fc2 3 lr=0\nfc fc3 2 bias-lr=0\nsoftmax\n", "net");
  EXPECT_EQ(learning_layers(net), (std::vector<bool>{false, true, true, false}));
  EXPECT_EQ(options_in(net, plan(net, true, true)),
            (Lines{"fc1: first 0 0", "fc2: backward 0 2", "fc3: scores input-gradient backward 0 4"}));
}

TEST(LayerPlan, NothingHasABackwardPassInInference) {
  for (const auto& p : plan(parse_net(kNet, "net"), false, true).layers) {
    EXPECT_FALSE(p.backward) << p.layers.begin;
  }
}

TEST(LayerPlan, ReluBeforeTheSoftmaxIsNoted) {
  const NetSpec fused = parse_net("input 1x1x4\nfc fc1 3\nrelu\nsoftmax\n", "net");
  const Plan relu = plan(fused, true, true);
  EXPECT_EQ(options_in(fused, relu), (Lines{"fc1+relu1: first relu backward 0 0"}));
  EXPECT_TRUE(relu.relu_scores);
  const NetSpec apart = parse_net("input 1x1x4\nfc fc1 3\ntanh\nrelu\nsoftmax\n", "net");
  const Plan last = plan(apart, true, true);
  EXPECT_EQ(options_in(apart, last), (Lines{"fc1: first backward 0 0", "tanh1: input-gradient backward 0 2",
                                            "relu1: input-gradient backward 0 2"}));
  EXPECT_TRUE(last.relu_scores);
}

TEST(LayerPlan, LayersAreDescribedByTheirNames) {
  const NetSpec net = parse_net("input 1x1x4\nfc fc1 3\nrelu\nfc fc2 2\nsoftmax\n", "net");
  EXPECT_EQ(describe_layers(net, plan(net, true, true).layers),
            (Lines{"fc1+relu1 forward fake", "fc2 forward fake"}));
}

// What a plan needs to know does not depend on the backend.
TEST(LayerFacts, AreThoseOfTheKind) {
  const NetSpec net = parse_net(
      "input 8x8x4\nconv conv1 4 3x3\nrelu\ntanh\nlogistic\nlrn\nlrn-map\nmaxpool 2x2 stride=2\n"
      "avgpool 2x2 stride=1\ndropout 0.5\nlocal local1 4 1x1\nfc fc1 3\nsoftmax\n",
      "net");
  const auto facts_of = [&](const LayerSpec& layer, bool relu_input, bool scores) {
    LayerOptions options;
    options.in = shape_of(layer.in);
    options.relu_input = relu_input;
    options.scores = scores;
    const LayerFacts facts = layer_facts(layer, options);
    EXPECT_EQ(facts.in, options.in) << layer.name;
    EXPECT_EQ(facts.out, shape_of(layer.out)) << layer.name;
    return layer.name + ":" + (facts.in_place ? " in-place" : "") +
           (facts.gradient_in_place ? " gradient-in-place" : "") + (facts.reads_x ? " x" : "") +
           (facts.reads_y ? " y" : "") + (facts.marks ? " marks" : "") + (facts.f32_output ? " f32" : "") +
           (takes_relu(layer.kind) ? " takes-relu" : "");
  };
  Lines plain;
  Lines after_relu;
  for (const LayerSpec& layer : net.layers) {
    plain.push_back(facts_of(layer, false, false));
    after_relu.push_back(facts_of(layer, true, true));
  }
  EXPECT_EQ(plain, (Lines{"conv1: x takes-relu", "relu1: in-place gradient-in-place",
                          "tanh1: in-place gradient-in-place y", "logistic1: in-place gradient-in-place y",
                          "lrn1: gradient-in-place x", "lrn-map1: x", "maxpool1: marks takes-relu",
                          "avgpool1: takes-relu", "dropout1: in-place gradient-in-place marks",
                          "local1: x takes-relu", "fc1: x takes-relu", "softmax: y"}));
  EXPECT_EQ(after_relu, (Lines{"conv1: x f32 takes-relu", "relu1: in-place gradient-in-place",
                               "tanh1: in-place gradient-in-place y", "logistic1: gradient-in-place x y",
                               "lrn1: gradient-in-place x", "lrn-map1: x", "maxpool1: x marks takes-relu",
                               "avgpool1: x takes-relu", "dropout1: in-place gradient-in-place y marks",
                               "local1: x f32 takes-relu", "fc1: x f32 takes-relu", "softmax: y"}));
}

}  // namespace
}  // namespace convoy
