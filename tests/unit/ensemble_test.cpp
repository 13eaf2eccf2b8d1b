// The views of an image, and the mean answer of nets to them, against means of a reference in double.
#include "lib/runs/ensemble.h"

#include <gtest/gtest.h>

#include <memory>

#include "lib/net/backends.h"
#include "tests/support/fake_net.h"
#include "tests/support/net_runs.h"
#include "tests/support/reference_net.h"
#include "tests/support/small_nets.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

InputSpec input_of(int height, int width, int stored_height, int stored_width) {
  return {.crop = {height, width, 3}, .stored = {stored_height, stored_width, 3}};
}
View view_at(int top, int left, bool mirror, int count = 1) {
  View view;
  view.crop.top = top;
  view.crop.left = left;
  view.crop.mirror = mirror;
  view.count = count;
  return view;
}

TEST(Views, AreTheCornersAndTheCentreAndTheirReflections) {
  const std::vector<View> ten = test_views(input_of(224, 224, 256, 256), 10);
  const std::vector<View> want = {view_at(0, 0, false),   view_at(0, 32, false),  view_at(32, 0, false),
                                  view_at(32, 32, false), view_at(16, 16, false), view_at(0, 0, true),
                                  view_at(0, 32, true),   view_at(32, 0, true),   view_at(32, 32, true),
                                  view_at(16, 16, true)};
  EXPECT_EQ(ten, want);
  const std::vector<View> one = {view_at(16, 16, false)};
  EXPECT_EQ(test_views(input_of(224, 224, 256, 256), 1), one);
}

TEST(Views, CountCropsThatCoincide) {
  const std::vector<View> whole = {view_at(0, 0, false, 5), view_at(0, 0, true, 5)};
  EXPECT_EQ(test_views(input_of(12, 12, 12, 12), 10), whole);
  const std::vector<View> low = {view_at(0, 0, false, 2), view_at(0, 4, false, 2), view_at(0, 2, false),
                                 view_at(0, 0, true, 2),  view_at(0, 4, true, 2),  view_at(0, 2, true)};
  EXPECT_EQ(test_views(input_of(12, 8, 12, 12), 10), low);
  // With a margin of one pixel the centre is the crop at the top left.
  const std::vector<View> tight = {view_at(0, 0, false, 2), view_at(0, 1, false),   view_at(1, 0, false),
                                   view_at(1, 1, false),    view_at(0, 0, true, 2), view_at(0, 1, true),
                                   view_at(1, 0, true),     view_at(1, 1, true)};
  EXPECT_EQ(test_views(input_of(11, 11, 12, 12), 10), tight);
}

// A compiled net and its twin in double precision.
struct Pair {
  std::unique_ptr<CompiledNet> net;
  reference::Net twin;

  Pair(const std::string& text, int batch, std::uint64_t seed)
      : net(compile_cpu(parse_net(text, "net"), {.batch = batch, .mode = Mode::infer, .threads = 1})),
        twin(net->net(), seed) {
    const std::vector<float> mean = start_net(*net, seed, 0.0F);
    twin.mean.assign(mean.begin(), mean.end());
    for (std::size_t i = 0; i < twin.parameters.size(); ++i) {
      const std::vector<float> values = parameter_of(*net, &CompiledNet::get_parameter, i);
      twin.parameters[i].assign(values.begin(), values.end());
    }
  }
};

// The mean over ten crops, one after another, written out once more.
reference::Values ten_view_mean(const reference::Net& twin, const InputSpec& input,
                                std::span<const std::uint8_t* const> images, int classes) {
  const int down = input.stored.height - input.crop.height;
  const int across = input.stored.width - input.crop.width;
  reference::Values mean(images.size() * static_cast<std::size_t>(classes), 0.0);
  for (int v = 0; v < 10; ++v) {
    Crop crop;
    const int corner = v % 5;
    crop.top = corner == 4 ? down / 2 : corner / 2 * down;
    crop.left = corner == 4 ? across / 2 : corner % 2 * across;
    crop.mirror = v >= 5;
    const std::vector<Crop> crops(images.size(), crop);
    const reference::Tensor answer =
        twin.infer({.images = images, .crops = crops, .labels = {}, .records = {}, .epochs = {}});
    for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += answer.v[i] / 10.0;
  }
  return mean;
}

// Probabilities of small nets: see the bound in compiled_cpu_test.cpp.
constexpr double kTolerance = 2e-4;

void expect_close(std::span<const float> got, const reference::Values& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], kTolerance) << i;
}

constexpr const char* kWide = R"(
input   20x24x3 from=24x24
conv    conv1 8 5x5 stride=2 init=0.02
relu
fc      fc2 7 init=0.1
softmax
)";

TEST(EnsembleOfOne, AveragesTenViews) {
  for (const char* text : {kSmallNets[0].text, static_cast<const char*>(kWide)}) {
    Pair pair(text, 4, 5);
    const RandomBatch batch(pair.net->net(), 5, 80);
    Ensemble ensemble({{.net = *pair.net}}, 10);
    const std::span<const float> got = ensemble.predict(batch.images);
    expect_close(got, ten_view_mean(pair.twin, pair.net->net().input, batch.images, ensemble.classes()));
    const std::vector<float> before(got.begin(), got.end());
    const std::span<const float> again = ensemble.predict(batch.images);
    EXPECT_EQ(std::vector<float>(again.begin(), again.end()), before) << "the same bits";
  }
}

TEST(EnsembleOfOne, HasTheBitsOfTheNetForOneView) {
  Pair pair(kSmallNets[0].text, 4, 5);
  const RandomBatch batch(pair.net->net(), 4, 81);
  const std::vector<Crop> crops(4, test_views(pair.net->net().input, 1).front().crop);
  std::vector<float> want(4 * static_cast<std::size_t>(pair.net->net().classes()));
  pair.net->infer({.images = batch.images, .crops = crops, .labels = {}, .records = {}, .epochs = {}}, want);
  Ensemble ensemble({{.net = *pair.net}});
  const std::span<const float> got = ensemble.predict(batch.images);
  EXPECT_EQ(std::vector<float>(got.begin(), got.end()), want);
}

TEST(EnsembleOfSeveral, WeighsNetsWithOtherCropsAndBatches) {
  constexpr const char* kOther = R"(
input   24x20x3 from=32x32
conv    conv1 8 5x5 stride=2 init=0.02
relu
fc      fc2 7 init=0.1
softmax
)";
  Pair first(kSmallNets[0].text, 3, 5);  // takes 27x27 of 32x32
  Pair second(kOther, 8, 6);
  const RandomBatch batch(first.net->net(), 5, 82);
  for (const int views : {1, 10}) {
    Ensemble ensemble({{.net = *first.net, .weight = 3.0}, {.net = *second.net, .weight = 0.5}}, views);
    reference::Values want;
    for (Pair* pair : {&first, &second}) {
      reference::Values answer;
      const InputSpec& input = pair->net->net().input;
      if (views == 10) {
        answer = ten_view_mean(pair->twin, input, batch.images, ensemble.classes());
      } else {
        Crop center;
        center.top = (input.stored.height - input.crop.height) / 2;
        center.left = (input.stored.width - input.crop.width) / 2;
        const std::vector<Crop> crops(5, center);
        answer =
            pair->twin
                .infer({.images = batch.images, .crops = crops, .labels = {}, .records = {}, .epochs = {}})
                .v;
      }
      want.resize(answer.size(), 0.0);
      const double share = (pair == &first ? 3.0 : 0.5) / 3.5;
      for (std::size_t i = 0; i < want.size(); ++i) want[i] += share * answer[i];
    }
    expect_close(ensemble.predict(batch.images), want);
  }
}

TEST(EnsembleOfSeveral, GivesEveryViewOfEveryImageOnceToEachNet) {
  test::FakeNet small(3);
  test::FakeNet large(64);
  Ensemble ensemble({{.net = small}, {.net = large}}, 10);
  const std::vector<std::uint8_t> image(25);
  const std::vector<const std::uint8_t*> images(4, image.data());
  small.answer = 0.25F;
  large.answer = 0.75F;
  const std::span<const float> got = ensemble.predict(images);
  ASSERT_EQ(got.size(), 16U);
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_FLOAT_EQ(got[i], i % 4 == 0 ? 0.5F : 0.0F);
  EXPECT_EQ(large.inferred, std::vector<std::size_t>{40});
  EXPECT_EQ(small.inferred, (std::vector<std::size_t>{3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1}));
  EXPECT_TRUE(ensemble.predict({}).empty());
}

}  // namespace
}  // namespace convoy
