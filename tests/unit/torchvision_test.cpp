// torchvision's AlexNet is known by its tensors, and becomes the net that examples/nets has of it.
#include "lib/weights/torchvision.h"

#include <gtest/gtest.h>

#include <fstream>

#include "formats/net.h"
#include "lib/base/file.h"

namespace convoy {
namespace {

constexpr const char* kNet = "examples/nets/owt-torchvision.net";

// Tensors with torchvision's names, in an order of their own, and with the shapes of the example.
ForeignWeights named_as_there(const NetSpec& net) {
  const std::vector<std::string> there = {"features.0",  "features.3",   "features.6",   "features.8",
                                          "features.10", "classifier.1", "classifier.4", "classifier.6"};
  ForeignWeights weights;
  std::size_t i = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const std::string name = there.at(i++ / 2) + (parameter.bias ? ".bias" : ".weight");
    weights.tensors.insert(weights.tensors.begin(), {name, parameter.shape, {}});
  }
  return weights;
}

TEST(Torchvision, TheNetIsThatOfTheExample) {
  if (!std::ifstream(kNet)) GTEST_SKIP() << "not run from the source folder";
  const NetSpec example = parse_net(read_text_file(kNet, kMaxNetBytes), kNet);
  ForeignWeights weights = named_as_there(example);
  recognise_torchvision(weights);
  const NetSpec net = parse_net(weights.net, "net");
  EXPECT_EQ(net.input.crop, example.input.crop);
  EXPECT_EQ(net.input.stored, example.input.stored);
  ASSERT_EQ(net.layers.size(), example.layers.size());
  for (std::size_t i = 0; i < net.layers.size(); ++i) {
    EXPECT_EQ(net.layers[i].name, example.layers[i].name);
    EXPECT_EQ(kind_name(net.layers[i].kind), kind_name(example.layers[i].kind));
    EXPECT_EQ(net.layers[i].out, example.layers[i].out);
  }
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  ASSERT_EQ(weights.tensors.size(), parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    EXPECT_EQ(weights.tensors[i].name, parameters[i].name);
    EXPECT_EQ(weights.tensors[i].shape, parameters[i].shape);
  }
  // White is (1 - mean) / deviation.
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR((255.0 - weights.input.constant[c]) * weights.input.scale[c],
                (1.0 - kTorchvisionMean[c]) / kTorchvisionStddev[c], 1e-12);
  }
}

TEST(Torchvision, OtherTensorsStayAsTheyAre) {
  if (!std::ifstream(kNet)) GTEST_SKIP() << "not run from the source folder";
  const NetSpec example = parse_net(read_text_file(kNet, kMaxNetBytes), kNet);
  ForeignWeights weights = named_as_there(example);
  weights.tensors.back().name += "s";
  recognise_torchvision(weights);
  EXPECT_TRUE(weights.net.empty());
  EXPECT_EQ(weights.tensors.back().name, "features.0.weights");
  weights = named_as_there(example);
  weights.tensors.push_back({"other", {1}, {}});
  recognise_torchvision(weights);
  EXPECT_TRUE(weights.net.empty());
}

}  // namespace
}  // namespace convoy
