// Activations of layers in the middle of nets, against the layers of the reference in double precision.
#include "lib/net/truncated.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lib/net/backends.h"
#include "tests/support/error_message.h"
#include "tests/support/net_runs.h"
#include "tests/support/reference_net.h"
#include "tests/support/small_nets.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

constexpr std::uint64_t kSeed = 5;

std::vector<float> activations(CompiledNet& net, const RandomBatch& batch) {
  std::vector<float> values(batch.images.size() * static_cast<std::size_t>(net.net().classes()));
  net.activations({.images = batch.images, .crops = batch.crops, .labels = {}, .records = {}, .epochs = {}},
                  values);
  return values;
}

class EveryLayer : public ::testing::TestWithParam<NetCase> {};

TEST_P(EveryLayer, HasTheActivationsOfTheReference) {
  const NetSpec net = parse_net(GetParam().text, GetParam().name);
  const RandomBatch batch(net, 3, 90);  // one less than the net takes
  const auto whole = compile_cpu(net, {.batch = 4, .mode = Mode::infer, .threads = 1});
  const std::vector<float> mean = start_net(*whole, kSeed, 0.0F);
  for (std::size_t layer = 0; layer + 1 < net.layers.size(); ++layer) {
    SCOPED_TRACE(net.layers[layer].name);
    const NetSpec part = net_up_to(net, net.layers[layer].name, "net");
    const auto compiled = compile_cpu(part, {.batch = 4, .mode = Mode::infer, .threads = 1});
    reference::Net twin(part, kSeed);
    twin.mean.assign(mean.begin(), mean.end());
    compiled->set_mean(mean);
    for (std::size_t i = 0; i < parameters_of(part).size(); ++i) {
      const std::vector<float> values = parameter_of(*whole, &CompiledNet::get_parameter, i);
      compiled->set_parameter(i, values);
      twin.parameters[i].assign(values.begin(), values.end());
    }
    const std::vector<float> got = activations(*compiled, batch);
    const reference::Tensor want = twin.activations(batch.view());
    ASSERT_EQ(got.size(), want.v.size());
    double largest = 0.0;
    for (const double value : want.v) largest = std::max(largest, std::abs(value));
    // See the bound in compiled_cpu_test.cpp.
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want.v[i], 2e-4 * largest) << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Truncated, EveryLayer, ::testing::ValuesIn(kSmallNets),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Truncated, TakesTheActivationFunctionThatFollows) {
  const NetSpec net = parse_net(kSmallNets[0].text, "net");
  const NetSpec fc7 = net_up_to(net, "fc7", "w");
  EXPECT_EQ(fc7.layers[fc7.layers.size() - 2].name, net_up_to(net, "relu6", "w").layers.end()[-2].name);
  EXPECT_TRUE(std::holds_alternative<ReluSpec>(fc7.layers.end()[-2].kind));
  EXPECT_EQ(fc7.classes(), 24);
  EXPECT_TRUE(std::holds_alternative<FcSpec>(net_up_to(net, "fc8", "w").layers.end()[-2].kind));
  EXPECT_EQ(parameters_of(fc7).size(), parameters_of(net).size() - 2);
  const NetSpec tanh = parse_net("input 4x4x1\nfc f 3\ntanh\nfc g 2\nsoftmax\n", "net");
  EXPECT_TRUE(std::holds_alternative<TanhSpec>(net_up_to(tanh, "f", "w").layers.end()[-2].kind));
  const NetSpec logistic = parse_net("input 4x4x1\nfc f 3\nlogistic\nfc g 2\nsoftmax\n", "net");
  EXPECT_TRUE(std::holds_alternative<LogisticSpec>(net_up_to(logistic, "f", "w").layers.end()[-2].kind));
}

TEST(Truncated, NamesTheLayersThatThereAre) {
  const NetSpec net = parse_net("input 4x4x1\nfc f 3\nrelu\nfc g 2\nsoftmax\n", "net");
  EXPECT_EQ(test::error_of([&] { (void)net_up_to(net, "h", "w"); }), "w: no layer 'h': it has f, relu1, g");
  EXPECT_EQ(test::error_of([&] { (void)net_up_to(net, net.layers.back().name, "w"); }),
            "w: layer 'softmax' is the softmax: it has f, relu1, g");
}

}  // namespace
}  // namespace convoy
