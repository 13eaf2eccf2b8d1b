// formats/net: parsing, the shapes that follow, and every error with its place.
#include "formats/net.h"

#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <random>
#include <regex>

#include "lib/base/file.h"
#include "lib/net/describe.h"
#include "tests/support/error_message.h"

namespace convoy {
namespace {

NetSpec example(const std::string& name) {
  const std::string path = "examples/nets/" + name;
  return parse_net(read_text_file(path, kMaxNetBytes), path);
}

std::uint64_t parameter_count(const NetSpec& net) {
  std::uint64_t count = 0;
  for (const ParameterInfo& parameter : parameters_of(net)) count += parameter.elements();
  return count;
}

const LayerSpec& layer(const NetSpec& net, std::string_view name) {
  for (const LayerSpec& one : net.layers) {
    if (one.name == name) return one;
  }
  throw std::runtime_error("no layer " + std::string(name));
}

// What parse_net throws ("net:3:8: expected ..."); empty if it throws nothing.
std::string error_of(const std::string& text) {
  return test::error_of([&] { static_cast<void>(parse_net(text, "net")); });
}

TEST(Net, AlexNetIsThePapers) {
  const NetSpec net = example("alexnet.net");
  EXPECT_EQ(parameter_count(net), 60'965'224U);
  EXPECT_EQ(net.input.crop, (Extent{224, 224, 3}));
  EXPECT_EQ(net.input.stored, (Extent{256, 256, 3}));
  EXPECT_EQ(net.classes(), 1000);
  EXPECT_EQ(layer(net, "conv1").out, (Extent{55, 55, 96}));
  EXPECT_EQ(layer(net, "maxpool1").out, (Extent{27, 27, 96}));
  EXPECT_EQ(layer(net, "maxpool2").out, (Extent{13, 13, 256}));
  EXPECT_EQ(layer(net, "maxpool3").out, (Extent{6, 6, 256}));
  // The paper's multiply-adds, in units of 0.1 million.
  const std::array<std::pair<const char*, int>, 8> expected = {{{"conv1", 1054},
                                                                {"conv2", 2239},
                                                                {"conv3", 1495},
                                                                {"conv4", 1121},
                                                                {"conv5", 748},
                                                                {"fc6", 377},
                                                                {"fc7", 168},
                                                                {"fc8", 41}}};
  for (const auto& [name, tenths] : expected) {
    EXPECT_EQ((multiply_adds(layer(net, name)) + 50'000) / 100'000, tenths) << name;
  }
  EXPECT_EQ(multiply_adds(layer(net, "relu1")), 0);
}

TEST(Net, AlexNetParametersAreNamedAndShapedAsInPyTorch) {
  const auto parameters = parameters_of(example("alexnet.net"));
  ASSERT_EQ(parameters.size(), 16U);
  EXPECT_EQ(parameters[0].name, "conv1.weight");
  EXPECT_EQ(parameters[0].shape, (std::vector<std::uint64_t>{96, 3, 11, 11}));
  EXPECT_EQ(parameters[1].name, "conv1.bias");
  EXPECT_EQ(parameters[1].shape, (std::vector<std::uint64_t>{96}));
  EXPECT_EQ(parameters[2].shape, (std::vector<std::uint64_t>{256, 48, 5, 5}));
  EXPECT_EQ(parameters[10].name, "fc6.weight");
  EXPECT_EQ(parameters[10].shape, (std::vector<std::uint64_t>{4096, 9216}));
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const bool bias = i % 2 == 1;
    EXPECT_EQ(parameters[i].init, bias ? 0.0 : 0.01) << parameters[i].name;
    EXPECT_EQ(parameters[i].decay, bias ? 0.0 : 1.0) << parameters[i].name;
    EXPECT_EQ(parameters[i].lr, 1.0) << parameters[i].name;
    EXPECT_EQ(parameters[i].bias, bias) << parameters[i].name;
  }
  EXPECT_EQ(parameters[3].constant, 1.0);  // conv2
  EXPECT_EQ(parameters[5].constant, 0.0);  // conv3
}

TEST(Net, TheSourceOf2012Differs) {
  const NetSpec net = example("alexnet-2012.net");
  EXPECT_EQ(parameter_count(net), 60'965'224U);
  for (const char* name : {"lrn1", "lrn2"}) {
    const auto& lrn = std::get<LrnSpec>(layer(net, name).kind);
    EXPECT_TRUE(lrn.mean) << name;
    EXPECT_EQ(lrn.groups, 2) << name;
  }
  const auto& map = std::get<LrnMapSpec>(layer(net, "lrn-map1").kind);
  EXPECT_EQ(map.size, 5);
  EXPECT_EQ(map.k, 1.0);
  EXPECT_EQ(map.alpha, 1e-3);
  EXPECT_EQ(map.beta, 0.75);
  EXPECT_TRUE(map.mean);
  EXPECT_EQ(layer(net, "lrn-map1").out, (Extent{27, 27, 256}));
  EXPECT_EQ(net.layers[6].name, "lrn2");
  EXPECT_EQ(net.layers[7].name, "lrn-map1");
  EXPECT_EQ(net.layers[8].name, "maxpool2");
  EXPECT_TRUE(std::get<DropoutSpec>(layer(net, "dropout1").kind).scale_at_test);
  EXPECT_EQ(net.layers[1].name, "lrn1");  // before the ReLU
  EXPECT_EQ(net.layers[3].name, "relu1");
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const bool bias = parameter.name.ends_with(".bias");
    EXPECT_EQ(parameter.lr, bias ? 2.0 : 1.0) << parameter.name;
    const bool middle = parameter.name >= "conv3" && parameter.name < "conv6";
    EXPECT_EQ(parameter.init, bias ? 0.0 : middle ? 0.03 : 0.01) << parameter.name;
  }
}

TEST(Net, CifarNetsPoolAsCudaConvnet) {
  for (const char* name : {"cifar-80sec.net", "cifar-18pct.net"}) {
    const NetSpec net = example(name);
    EXPECT_EQ(layer(net, "maxpool1").out, (Extent{16, 16, 32})) << name;
    EXPECT_EQ(layer(net, "avgpool1").out, (Extent{8, 8, 32})) << name;
    EXPECT_EQ(layer(net, "avgpool2").out, (Extent{4, 4, 64})) << name;
    const auto parameters = parameters_of(net);
    EXPECT_EQ(parameters[0].init, 0.0001) << name;
    EXPECT_EQ(parameters[1].lr, 2.0) << name;
  }
  // 0.004 times these are the decays of the originals, 0.03 and 1.
  EXPECT_EQ(parameters_of(example("cifar-80sec.net")).back().decay, 0.0);
  EXPECT_EQ(parameters_of(example("cifar-80sec.net"))[6].decay, 7.5);
  EXPECT_EQ(parameters_of(example("cifar-18pct.net"))[6].decay, 250.0);
}

struct ExampleNet {
  const char* name;
  std::uint64_t parameters;  // as published, or as they follow from a published net
  std::vector<std::pair<const char*, Extent>> shapes;
};

// The sizes of the activations and the numbers of parameters are those of the papers, of the nets'
// definitions in Caffe, cuda-convnet and torchvision, and of their published weights.
TEST(Net, ExamplesHaveTheirPublishedSizes) {
  const std::vector<ExampleNet> nets = {
      {"caffenet.net",
       60'965'224,
       {{"conv1", {55, 55, 96}},
        {"maxpool1", {27, 27, 96}},
        {"conv2", {27, 27, 256}},
        {"maxpool2", {13, 13, 256}},
        {"conv5", {13, 13, 256}},
        {"maxpool3", {6, 6, 256}},
        {"fc6", {1, 1, 4096}}}},
      {"owt.net",
       61'100'840,
       {{"conv1", {55, 55, 64}},
        {"maxpool1", {27, 27, 64}},
        {"conv2", {27, 27, 192}},
        {"maxpool2", {13, 13, 192}},
        {"conv3", {13, 13, 384}},
        {"conv4", {13, 13, 256}},
        {"maxpool3", {6, 6, 256}}}},
      {"owt-torchvision.net",
       61'100'840,
       {{"conv1", {55, 55, 64}},
        {"maxpool1", {27, 27, 64}},
        {"conv2", {27, 27, 192}},
        {"maxpool2", {13, 13, 192}},
        {"maxpool3", {6, 6, 256}}}},
      // conv6 has 256 * 256 * 3 * 3 weights and 256 biases.
      {"alexnet-conv6.net",
       60'965'224 + 590'080,
       {{"maxpool3", {6, 6, 256}}, {"conv6", {6, 6, 256}}, {"fc6", {1, 1, 4096}}}},
      {"cifar-80sec.net", 145'578, {{"fc64", {1, 1, 64}}}},
      {"cifar-18pct.net",
       89'578,
       {{"lrn-map1", {16, 16, 32}}, {"lrn-map2", {8, 8, 32}}, {"fc10", {1, 1, 10}}}},
  };
  for (const ExampleNet& one : nets) {
    const NetSpec net = example(one.name);
    EXPECT_EQ(parameter_count(net), one.parameters) << one.name;
    for (const auto& [name, extent] : one.shapes) EXPECT_EQ(layer(net, name).out, extent) << one.name << name;
  }
}

TEST(Net, CaffeNetPoolsBeforeItNormalises) {
  const NetSpec net = example("caffenet.net");
  EXPECT_EQ(net.input.crop, (Extent{227, 227, 3}));
  EXPECT_EQ(net.input.stored, (Extent{256, 256, 3}));
  EXPECT_EQ(net.layers[2].name, "maxpool1");
  EXPECT_EQ(net.layers[3].name, "lrn1");
  const auto& lrn = std::get<LrnSpec>(net.layers[3].kind);
  EXPECT_TRUE(lrn.mean);
  EXPECT_EQ(lrn.k, 1.0);
  EXPECT_EQ(lrn.groups, 1);
  EXPECT_EQ(std::get<ConvSpec>(layer(net, "conv4").kind).groups, 2);
  for (const ParameterInfo& parameter : parameters_of(net)) {
    const bool large = parameter.name == "fc6.weight" || parameter.name == "fc7.weight";
    EXPECT_EQ(parameter.lr, parameter.bias ? 2.0 : 1.0) << parameter.name;
    EXPECT_EQ(parameter.init, parameter.bias ? 0.0 : large ? 0.005 : 0.01) << parameter.name;
  }
}

// torchvision starts its weights uniformly between -1 and 1 over the root of a neuron's inputs: a deviation
// of 1 over the root of three times as many. conv1 takes pixels of 0 to 255 instead of ones of about unit
// variance.
TEST(Net, TorchvisionsAlexNetStartsAsTorchvisions) {
  const NetSpec net = example("owt-torchvision.net");
  EXPECT_EQ(net.layers.front().name, "conv1");
  EXPECT_EQ(std::get<ConvSpec>(net.layers.front().kind).pad, (Padding{2, 2, 2, 2}));
  constexpr double kScale = 255.0 * 0.226;  // about the deviation of a pixel
  for (const ParameterInfo& parameter : parameters_of(net)) {
    EXPECT_EQ(parameter.constant, 0.0) << parameter.name;
    const bool first = parameter.name == "conv1.weight";
    EXPECT_NEAR(parameter.lr, first ? 1.0 / (kScale * kScale) : 1.0, first ? 3e-6 : 0.0) << parameter.name;
    // The decay is multiplied by the learning rate.
    EXPECT_NEAR(parameter.decay * parameter.lr, 1.0, 0.01) << parameter.name;
    if (parameter.bias) continue;
    const double inputs =
        static_cast<double>(parameter.elements()) / static_cast<double>(parameter.shape.front());
    const double deviation = 1.0 / std::sqrt(3.0 * inputs) / (first ? kScale : 1.0);
    EXPECT_NEAR(parameter.init / deviation, 1.0, 0.01) << parameter.name;
  }
  std::string order;
  for (const LayerSpec& one : net.layers) order += one.name + " ";
  EXPECT_NE(order.find("maxpool3 dropout1 fc6 relu6 dropout2 fc7 relu7 fc8 softmax"), std::string::npos)
      << order;
  EXPECT_EQ(order.find("lrn"), std::string::npos) << order;
}

TEST(Net, OneWeirdTrickNormalisesBeforeItsFirstReLU) {
  const NetSpec net = example("owt.net");
  std::string order;
  for (const LayerSpec& one : net.layers) order += one.name + " ";
  EXPECT_EQ(order.find("conv1 lrn1 maxpool1 relu1 conv2 relu2 lrn2 maxpool2 conv3"), 0U) << order;
  for (const LayerSpec& one : net.layers) {
    const auto* const conv = std::get_if<ConvSpec>(&one.kind);
    EXPECT_TRUE(conv == nullptr || conv->groups == 1) << one.name;
  }
}

// 0.004 times the decays are those of the originals; their convolutions do not decay.
TEST(Net, CifarNetsWithLocalLayersAreThoseOfCudaConvnet) {
  for (const char* name : {"cifar-local-13pct.net", "cifar-local-11pct.net"}) {
    const NetSpec net = example(name);
    EXPECT_EQ(net.input.crop, (Extent{24, 24, 3})) << name;
    EXPECT_EQ(net.input.stored, (Extent{32, 32, 3})) << name;
    EXPECT_EQ(layer(net, "maxpool2").out, (Extent{6, 6, 64})) << name;
    EXPECT_EQ(layer(net, "local4").out, (Extent{6, 6, 32})) << name;
    const auto parameters = parameters_of(net);
    ASSERT_EQ(parameters.size(), 10U) << name;
    EXPECT_EQ(parameters[2].decay, 0.0) << name;
    EXPECT_EQ(parameters[4].name, "local3.weight") << name;
    EXPECT_EQ(parameters[4].shape, (std::vector<std::uint64_t>{6, 6, 32, 64, 3, 3})) << name;
    EXPECT_EQ(parameters[4].init, 0.04) << name;
    EXPECT_EQ(parameters[4].decay, 1.0) << name;
    EXPECT_EQ(parameters[5].lr, 2.0) << name;
  }
}

TEST(Net, EveryExampleParses) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("examples/nets")) {
    if (entry.path().extension() != ".net") continue;
    EXPECT_NO_THROW(static_cast<void>(example(entry.path().filename()))) << entry.path();
    ++count;
  }
  EXPECT_GE(count, 11);
}

TEST(Net, KeysAndDefaults) {
  const NetSpec net = parse_net(
      "# a comment\n"
      "\n"
      "input\t9x8x4\r\n"
      "conv a 6 3x2 stride=2 pad=1,0,2,1 groups=2 init=0.5 bias=-1 lr=3 bias-lr=4 decay=5 bias-decay=6 # "
      "end\n"
      "conv b_2-x 2 1x1\n"
      "tanh\n"
      "lrn\n"
      "lrn size=3 k=1 alpha=0.5 beta=0.25 window=mean groups=2\n"
      "lrn-map\n"
      "lrn-map window=sum size=7 k=2 alpha=0.25 beta=1\n"
      "avgpool 2x2 stride=1 pad=1\n"
      "dropout 0.25\n"
      "fc out 2\n"
      "softmax",
      "net");
  EXPECT_EQ(net.input.stored, net.input.crop);
  const auto& conv = std::get<ConvSpec>(net.layers[0].kind);
  EXPECT_EQ(conv.pad, (Padding{1, 0, 2, 1}));
  EXPECT_EQ(conv.groups, 2);
  EXPECT_EQ(net.layers[0].in, (Extent{9, 8, 4}));
  EXPECT_EQ(net.layers[0].out, (Extent{5, 4, 6}));  // (9+3-3)/2+1, (8+1-2)/2+1
  EXPECT_EQ(net.layers[0].line, 4);
  const auto parameters = parameters_of(net);
  EXPECT_EQ(parameters[0].shape, (std::vector<std::uint64_t>{6, 2, 3, 2}));
  EXPECT_EQ(parameters[0].init, 0.5);
  EXPECT_EQ(parameters[0].lr, 3.0);
  EXPECT_EQ(parameters[0].decay, 5.0);
  EXPECT_EQ(parameters[1].constant, -1.0);
  EXPECT_EQ(parameters[1].lr, 4.0);
  EXPECT_EQ(parameters[1].decay, 6.0);
  EXPECT_EQ(parameters[2].name, "b_2-x.weight");
  EXPECT_EQ(parameters[2].init, 0.01);
  EXPECT_EQ(parameters[3].decay, 0.0);
  EXPECT_EQ(parameters[0].layer, 0U);
  EXPECT_EQ(parameters[4].layer, 9U);
  EXPECT_EQ(parameters[4].shape, (std::vector<std::uint64_t>{2, 6 * 5 * 2}));

  const auto& paper = std::get<LrnSpec>(net.layers[3].kind);
  EXPECT_EQ(paper.size, 5);
  EXPECT_EQ(paper.k, 2.0);
  EXPECT_EQ(paper.alpha, 1e-4);
  EXPECT_EQ(paper.beta, 0.75);
  EXPECT_FALSE(paper.mean);
  EXPECT_EQ(paper.groups, 1);
  EXPECT_TRUE(std::get<LrnSpec>(net.layers[4].kind).mean);
  EXPECT_EQ(std::get<LrnSpec>(net.layers[4].kind).groups, 2);
  const auto& source = std::get<LrnMapSpec>(net.layers[5].kind);
  EXPECT_EQ(source.size, 5);
  EXPECT_EQ(source.k, 1.0);
  EXPECT_EQ(source.alpha, 1e-3);
  EXPECT_EQ(source.beta, 0.75);
  EXPECT_TRUE(source.mean);
  const auto& map = std::get<LrnMapSpec>(net.layers[6].kind);
  EXPECT_EQ(map.size, 7);
  EXPECT_EQ(map.k, 2.0);
  EXPECT_EQ(map.alpha, 0.25);
  EXPECT_EQ(map.beta, 1.0);
  EXPECT_FALSE(map.mean);
  EXPECT_EQ(std::get<PoolSpec>(net.layers[7].kind).kind, PoolSpec::Kind::average);
  EXPECT_EQ(std::get<PoolSpec>(net.layers[7].kind).pad, (Padding{1, 1, 1, 1}));
  EXPECT_EQ(std::get<DropoutSpec>(net.layers[8].kind).drop, 0.25);
  EXPECT_FALSE(std::get<DropoutSpec>(net.layers[8].kind).scale_at_test);
  const std::vector<std::string> names = {"a",        "b_2-x",    "tanh1",    "lrn1", "lrn2",   "lrn-map1",
                                          "lrn-map2", "avgpool1", "dropout1", "out",  "softmax"};
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(net.layers[i].name, names[i]);
}

TEST(Net, PositionsOfALocalLayerHaveTheirOwnFilters) {
  const NetSpec net = parse_net(
      "input 9x8x4\n"
      "local a 6 3x2 stride=2 pad=1,0,2,1 groups=2 init=0.5 bias=-1 lr=3 bias-lr=4 decay=5 bias-decay=6\n"
      "logistic\n"
      "local b 3 5x4\n"
      "softmax\n",
      "net");
  const auto& local = std::get<LocalSpec>(net.layers[0].kind);
  EXPECT_EQ(local.pad, (Padding{1, 0, 2, 1}));
  EXPECT_EQ(local.stride, 2);
  EXPECT_EQ(local.groups, 2);
  EXPECT_EQ(net.layers[0].out, (Extent{5, 4, 6}));  // as a conv: (9+3-3)/2+1, (8+1-2)/2+1
  EXPECT_EQ(net.layers[1].name, "logistic1");
  EXPECT_EQ(multiply_adds(net.layers[0]), 5 * 4 * 6 * (2 * 3 * 2));
  const auto parameters = parameters_of(net);
  EXPECT_EQ(parameters[0].name, "a.weight");
  EXPECT_EQ(parameters[0].shape, (std::vector<std::uint64_t>{5, 4, 6, 2, 3, 2}));
  EXPECT_EQ(parameters[0].init, 0.5);
  EXPECT_EQ(parameters[0].lr, 3.0);
  EXPECT_EQ(parameters[0].decay, 5.0);
  EXPECT_EQ(parameters[1].shape, (std::vector<std::uint64_t>{6, 5, 4}));
  EXPECT_EQ(parameters[1].constant, -1.0);
  EXPECT_EQ(parameters[1].lr, 4.0);
  EXPECT_EQ(parameters[1].decay, 6.0);
  EXPECT_EQ(parameters[2].shape, (std::vector<std::uint64_t>{1, 1, 3, 6, 5, 4}));
  // Each weight is used once for an image.
  EXPECT_EQ(parameters[0].elements(), static_cast<std::uint64_t>(multiply_adds(net.layers[0])));
}

// A kind's own name has no count, so it is free: nets from before a kind had it stay readable.
TEST(Net, ALayerMayBeCalledAsAKind) {
  const NetSpec net = parse_net("input 1x1x2\nfc logistic 2\nlogistic\nfc local 3\nsoftmax\n", "net");
  EXPECT_EQ(net.layers[0].name, "logistic");
  EXPECT_EQ(net.layers[1].name, "logistic1");
  EXPECT_EQ(net.layers[2].name, "local");
}

TEST(Net, KindsHaveTheNamesOfTheirLines) {
  const NetSpec net = parse_net(
      "input 8x8x4\nconv a 4 3x3\nrelu\ntanh\nlrn\nlrn-map\nmaxpool 2x2 stride=2\navgpool 2x2 stride=1\n"
      "dropout 0.5\nlogistic\nlocal c 2 2x2\nfc b 3\nsoftmax\n",
      "net");
  std::vector<std::string> names;
  std::string learning;
  for (const LayerSpec& one : net.layers) {
    names.emplace_back(kind_name(one.kind));
    if (learned(one.kind) != nullptr) learning += one.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"conv", "relu", "tanh", "lrn", "lrn-map", "maxpool", "avgpool",
                                             "dropout", "logistic", "local", "fc", "softmax"}));
  EXPECT_EQ(learning, "acb");
}

// Counts windows one by one.
int count_windows(int in, int before, int after, int kernel, int stride, bool ceil) {
  int count = 0;
  for (int start = -before;; start += stride) {
    const bool inside = start + kernel <= in + after;
    const bool previous_reaches_end = count > 0 && start - stride + kernel >= in + after;
    if (!inside && (!ceil || previous_reaches_end)) return count;
    ++count;
  }
}

TEST(Net, OutputSizesAreThoseOfCountedWindows) {
  const unsigned seed = 20120930;
  std::mt19937 random(seed);
  const auto below = [&](int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); };
  int checked = 0;
  for (int round = 0; round < 2000; ++round) {
    const int in = 1 + below(30);
    const int kernel = 1 + below(7);
    const int stride = 1 + below(5);
    const int before = below(kernel);
    const int after = below(kernel);
    const bool ceil = below(2) == 1;
    const std::string pad = std::to_string(before) + ",0," + std::to_string(after) + ",0";
    const std::string text = "input " + std::to_string(in) + "x1x1\nmaxpool " + std::to_string(kernel) +
                             "x1 stride=" + std::to_string(stride) + " pad=" + pad +
                             " ceil=" + (ceil ? "on" : "off") + "\nfc f 2\nsoftmax\n";
    const std::string error = error_of(text);
    const int expected = count_windows(in, before, after, kernel, stride, ceil);
    const bool last_sees_something = (expected - 1) * stride - before < in;
    if (expected == 0 || in + before + after < kernel || !last_sees_something) {
      EXPECT_NE(error, "") << "seed " << seed << "\n" << text;
      continue;
    }
    ASSERT_EQ(error, "") << "seed " << seed << "\n" << text;
    EXPECT_EQ(parse_net(text, "net").layers[0].out.height, expected) << "seed " << seed << "\n" << text;
    ++checked;
  }
  EXPECT_GT(checked, 1000);
}

struct BadNet {
  const char* text;
  const char* error;  // its beginning
};

class NetErrors : public ::testing::TestWithParam<BadNet> {};

TEST_P(NetErrors, AreNamedWithPlaceAndExpectation) {
  const std::string error = error_of(GetParam().text);
  EXPECT_TRUE(error.starts_with(GetParam().error))
      << "got:      " << error << "\nexpected: " << GetParam().error;
}

INSTANTIATE_TEST_SUITE_P(
    Structure, NetErrors,
    ::testing::Values(
        BadNet{"", "net:1: expected input HxWxC"}, BadNet{"# nothing\n", "net:1: expected input"},
        BadNet{"relu\n", "net:1:1: expected input HxWxC first, not 'relu'"},
        BadNet{"input 1x1x2\ninput 1x1x2\n", "net:2:1: a second input"},
        BadNet{"input 1x1x2\nfc a 2\n", "net:2: expected softmax as the last layer"},
        BadNet{"input 1x1x2\nsoftmax\n", "net:2: expected a conv, fc or local layer: nothing learns"},
        BadNet{"input 1x1x2\nfc a 2\nsoftmax\n\nrelu\n", "net:5:1: expected nothing after softmax"},
        BadNet{"input 1x1x2\n  pool 2x2\n",
               "net:2:3: expected one of avgpool, conv, dropout, fc, local, logistic, lrn, lrn-map, maxpool, "
               "relu, softmax, tanh, not 'pool'"},
        BadNet{"input 1x1x2\nfc a 2\nfc a 2\nsoftmax\n", "net:3:4: a second layer named 'a'"},
        BadNet{"input 1x1x2\nfc relu1 2\nsoftmax\n", "net:2:4: 'relu1' is kept for a layer"},
        BadNet{"input 1x1x2\nfc lrn-map7 2\nsoftmax\n", "net:2:4: 'lrn-map7' is kept for a layer"},
        BadNet{"input 1x1x2\nfc softmax 2\nsoftmax\n", "net:2:4: 'softmax' is kept"},
        BadNet{"input 1x1x2\nfc 2 2\nsoftmax\n", "net:2:4: expected a name of letters"},
        BadNet{"input 1x1x2\nfc a.b 2\nsoftmax\n", "net:2:4: expected a name of letters"},
        BadNet{"input 1x1x2\nfc a\001 2\nsoftmax\n", "net:2:5: a control character"},
        BadNet{"input 1x1x2\nfc a 2 # \xE4\nsoftmax\n", "net:2: not UTF-8"},
        BadNet{"input 1x1x2\nfc a 2 relu\nsoftmax\n", "net:2:8: expected one of init="}));

INSTANTIATE_TEST_SUITE_P(
    Values, NetErrors,
    ::testing::Values(
        BadNet{"input\n", "net:1:6: expected the size of the input"},
        BadNet{"input 224x224\n", "net:1:7: expected height x width x channels, HxWxC, not '224x224'"},
        BadNet{"input 224x0x3\n", "net:1:11: expected a whole number from 1 to 65535, not '0'"},
        BadNet{"input 224x70000x3\n", "net:1:11: expected a whole number from 1 to 65535"},
        BadNet{"input 1x+1x3\n", "net:1:9: expected a whole number"},
        BadNet{"input 99999999999999999999x1x3\n", "net:1:7: expected a whole number"},
        BadNet{"input 8x8x3 from=7x9\n", "net:1:18: expected from= at least as large as the input"},
        BadNet{"input 65535x65535x3\n", "net:1:7: the input is too large"},
        BadNet{"input 8x8x3\nconv a 4\n", "net:2:9: expected the window, HxW"},
        BadNet{"input 8x8x3\nconv a stride=2\n", "net:2:8: expected the number of filters before 'stride=2'"},
        BadNet{"input 8x8x3\nconv a 4 3x3 stride=0\n", "net:2:21: expected a whole number from 1"},
        BadNet{"input 8x8x3\nconv a 4 3x3 stride=2 stride=2\n", "net:2:23: 'stride' given twice"},
        BadNet{"input 8x8x3\nconv a 4 3x3 strid=2\n",
               "net:2:14: expected one of stride=, pad=, groups=, init=, bias=, lr=, bias-lr=, decay=, "
               "bias-decay=, not 'strid=2'"},
        BadNet{"input 8x8x3\nconv a 4 3x3 pad=1,2\n",
               "net:2:18: expected one number, or top,left,bottom,right"},
        BadNet{"input 8x8x3\nconv a 4 3x3 pad=1,,1,1\n", "net:2:20: expected a whole number"},
        BadNet{"input 8x8x3\nconv a 4 3x3 pad=-1\n", "net:2:18: expected a whole number from 0"},
        BadNet{"input 8x8x3\nconv a 4 3x3 init=-1\n", "net:2:19: expected a number from 0"},
        BadNet{"input 8x8x3\nconv a 4 3x3 bias=nan\n", "net:2:19: expected a number from -1"},
        BadNet{"input 8x8x3\nconv a 4 3x3 lr=inf\n", "net:2:17: expected a number from 0"},
        BadNet{"input 8x8x3\nconv a 4 3x3 lr=1e\n", "net:2:17: expected a number from 0"},
        BadNet{"input 8x8x3\nconv a 4 3x3 lr=\n", "net:2:17: expected a number from 0"},
        BadNet{"input 8x8x3\nlocal a 4\n", "net:2:10: expected the window, HxW"},
        BadNet{"input 8x8x3\nlocal a 4 3x3 strid=2\n",
               "net:2:15: expected one of stride=, pad=, groups=, init="},
        BadNet{"input 8x8x3\nlocal a 4 9x3\n", "net:2:1: the window's height 9 is larger"},
        BadNet{"input 8x8x3\nlocal a 4 3x3 groups=2\n", "net:2:1: groups=2 must divide the 3 input"},
        // 2^31 weights, and one position fewer.
        BadNet{"input 32768x1x64\nlocal a 1024 1x1\n", "net:2:1: more than 2147483647 weights"},
        BadNet{"input 32767x1x64\nlocal a 1024 1x1\n", "net:2: expected softmax as the last layer"},
        BadNet{"input 60000x1x3\nlocal a 1000000 1x1\n", "net:2:1: the output 60000x1x1000000 has more than"},
        BadNet{"input 8x8x3\nlogistic 2\n", "net:2:10: expected nothing more, not '2'"},
        BadNet{"input 8x8x3\nfc logistic2 4\n", "net:2:4: 'logistic2' is kept for a layer"},
        BadNet{"input 8x8x3\nmaxpool 2x2\n", "net:2:12: expected stride="},
        BadNet{"input 8x8x3\nmaxpool 2 stride=2\n", "net:2:9: expected a window HxW, not '2'"},
        BadNet{"input 8x8x3\nmaxpool 2x2 stride=2 ceil=yes\n", "net:2:27: expected off or on, not 'yes'"},
        BadNet{"input 8x8x3\nlrn size=4\n", "net:2:1: expected an odd size="},
        BadNet{"input 8x8x3\nlrn k=0\n", "net:2:7: expected a number from"},
        BadNet{"input 8x8x3\nlrn groups=0\n", "net:2:12: expected a whole number from 1 to 1048576, not '0'"},
        BadNet{"input 8x8x3\nlrn groups=1.5\n", "net:2:12: expected a whole number from 1"},
        BadNet{"input 8x8x3\nlrn groups=1 groups=3\n", "net:2:14: 'groups' given twice"},
        BadNet{"input 8x8x3\n lrn-map size=4\n",
               "net:2:2: expected an odd size=: the window is centred on its pixel"},
        BadNet{"input 8x8x3\nlrn-map size=0\n", "net:2:14: expected a whole number from 1 to 65535"},
        BadNet{"input 8x8x3\nlrn-map size=65537\n", "net:2:14: expected a whole number from 1 to 65535"},
        BadNet{"input 8x8x3\nlrn-map window=max\n", "net:2:16: expected sum or mean, not 'max'"},
        BadNet{"input 8x8x3\nlrn-map k=0\n", "net:2:11: expected a number from"},
        BadNet{"input 8x8x3\nlrn-map alpha=-1\n", "net:2:15: expected a number from 0"},
        BadNet{"input 8x8x3\nlrn-map groups=2\n",
               "net:2:9: expected one of size=, k=, alpha=, beta=, window=, not 'groups=2'"},
        BadNet{"input 8x8x3\nlrn-map 3\n",
               "net:2:9: expected one of size=, k=, alpha=, beta=, window=, not '3'"},
        BadNet{"input 8x8x3\ndropout 1\n", "net:2:9: expected a probability below 1"},
        BadNet{"input 8x8x3\ndropout 1.5\n", "net:2:9: expected a number from 0"},
        BadNet{"input 8x8x3\ndropout\n", "net:2:8: expected the probability of dropping"},
        BadNet{"input 8x8x3\nrelu x\n", "net:2:6: expected nothing more, not 'x'"}));

INSTANTIATE_TEST_SUITE_P(
    Shapes, NetErrors,
    ::testing::Values(
        BadNet{"input 8x8x3\nconv a 4 9x3\n",
               "net:2:1: the window's height 9 is larger than the padded input's, 8"},
        BadNet{"input 8x8x3\nconv a 4 3x3 pad=3\n",
               "net:2:1: the padding (3, 3) must be smaller than the window"},
        BadNet{"input 8x8x3\nconv a 4 3x3 groups=2\n", "net:2:1: groups=2 must divide the 3 input channels"},
        BadNet{"input 8x8x4\nconv a 5 3x3 groups=2\n", "net:2:1: groups=2 must divide"},
        BadNet{"input 8x8x3\nlrn groups=2\n", "net:2:1: groups=2 must divide the 3 channels"},
        BadNet{"input 8x8x4\nconv a 6 3x3\n  lrn size=3 groups=4\n",
               "net:3:3: groups=4 must divide the 6 channels"},
        BadNet{"input 8x8x4\nlrn groups=1048576\n", "net:2:1: groups=1048576 must divide the 4 channels"},
        BadNet{"input 6x6x1\nmaxpool 1x1 stride=4 ceil=on\n",
               "net:2:1: the last window in the direction of the height lies wholly outside"},
        BadNet{"input 8x8x3\nconv a 4 3x3\nsoftmax\n", "net:3:1: softmax takes 1x1xN"},
        BadNet{"input 8x8x3\nfc a 1\nsoftmax\n", "net:3:1: softmax takes 1x1xN with N of at least 2"},
        // Hostile sizes: their products must not overflow, and nothing must be allocated.
        BadNet{"input 60000x30000x1\nconv a 1048576 1x1\n",
               "net:2:1: the output 60000x30000x1048576 has more than"},
        BadNet{"input 40000x40000x1\nfc a 1048576\n", "net:2:1: more than 2147483647 weights"},
        BadNet{"input 1x1x1048576\nconv a 1048576 1x1\n", "net:2:1: more than 2147483647 weights"},
        BadNet{"input 40000x40000x1\nconv a 1 20000x20000\nconv b 1 20000x20000\n",
               "net:2:1: too many multiply-adds"}));

TEST(Net, TooManyLayersAndBytes) {
  std::string text = "input 1x1x2\nfc a 2\n";
  for (int i = 0; i < kMaxLayers - 2; ++i) text += "relu\n";
  EXPECT_EQ(error_of(text + "softmax\n"), "");
  EXPECT_TRUE(error_of(text + "relu\nsoftmax\n").starts_with("net:257:1: more than 255 layers"));
  EXPECT_TRUE(error_of(std::string(kMaxNetBytes + 1, '\n')).starts_with("net: more than 1048576 bytes"));
}

TEST(Net, TextsWithOneByteChangedAreReadOrRefused) {
  const std::string text = read_text_file("examples/nets/alexnet.net", kMaxNetBytes);
  const unsigned seed = 224;
  std::mt19937 random(seed);
  int refused = 0;
  for (int round = 0; round < 4000; ++round) {
    std::string changed = text;
    changed[random() % changed.size()] = static_cast<char>(random() % 256);
    const std::string error = error_of(changed);
    if (error.empty()) {
      const NetSpec net = parse_net(changed, "net");
      EXPECT_EQ(net.layers.back().name, "softmax") << "seed " << seed;
      EXPECT_GT(net.classes(), 1) << "seed " << seed;
    } else {
      ++refused;
      EXPECT_TRUE(std::regex_search(error, std::regex("^net:[0-9]+(:[0-9]+)?: "))) << error;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(Describe, CountsWhatThePaperCounts) {
  const NetSpec net = example("alexnet.net");
  const NetCost cost = cost_of(net);
  EXPECT_EQ(cost.parameters, 60'965'224U);
  EXPECT_EQ(cost.forward_flop, 2 * 724'406'816LL);
  // Three products for each learned layer, except the input gradient of conv1: 4.136 GFLOP.
  EXPECT_EQ(cost.training_flop, 2 * (3 * 724'406'816LL - 105'415'200LL));
  const std::string table = describe_net(net, 128);
  EXPECT_NE(table.find("60965224"), std::string::npos) << table;
  EXPECT_NE(table.find("training step 4.136 GFLOP"), std::string::npos) << table;
  EXPECT_TRUE(std::regex_search(table, std::regex("\nconv1 +conv +55x55x96 +34944 +105415200\n"))) << table;
}

}  // namespace
}  // namespace convoy
