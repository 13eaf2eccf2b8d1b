// alexnet.net gives the same scores as PyTorch with the same weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <span>
#include <sstream>

#include "formats/safetensors.h"
#include "lib/base/file.h"
#include "lib/net/backends.h"
#include "lib/net/compiled_net.h"
#include "lib/net/init.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tensors.h"

namespace convoy {
namespace {

constexpr const char* kNet = "examples/nets/alexnet.net";
constexpr const char* kScript = "tests/pytorch/alexnet.py";
constexpr const char* kPython = "/usr/bin/python3";
constexpr int kImages = 3;
constexpr std::uint64_t kSeed = 13;

int run(const std::string& command) { return std::system(command.c_str()); }  // NOLINT: fixed commands

// Draws and sets weights that keep activations of equal size from layer to layer (He and others 2015), so
// that every layer counts in the scores; writes them to a file for PyTorch.
void set_weights(CompiledNet& net, const std::string& path) {
  std::vector<ParameterInfo> infos = parameters_of(net.net());
  std::vector<std::vector<float>> values;
  std::vector<TensorView> tensors;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    ParameterInfo& info = infos[i];
    if (info.shape.size() > 1) {
      info.init = std::sqrt(2.0 * static_cast<double>(info.shape[0]) / static_cast<double>(info.elements()));
    } else {
      info.init = 0.1;
    }
    // Pixels of about 100 give scores of about 100; scaled down, so that probabilities do not underflow.
    if (info.name == "fc8.weight") info.init /= 32.0;
    values.emplace_back(info.elements());
    draw_parameter(info, i, kSeed, values.back());
    net.set_parameter(i, values.back());
    tensors.push_back(
        {info.name, DType::f32, info.shape, std::as_bytes(std::span<const float>(values.back()))});
  }
  OutputFile out(path, OutputFile::Content::binary);
  write_safetensors(out, tensors, {});
  out.commit();
}

// Appends an image's crop as the net sees it, [C][H][W], less the mean.
void append_input(const InputSpec& spec, const Crop& place, const std::vector<std::uint8_t>& pixels,
                  const std::vector<float>& mean, std::vector<float>& input) {
  const Extent& stored = spec.stored;
  const Extent& crop = spec.crop;
  for (int c = 0; c < crop.channels; ++c) {
    for (int h = 0; h < crop.height; ++h) {
      for (int w = 0; w < crop.width; ++w) {
        const int column = place.left + (place.mirror ? crop.width - 1 - w : w);
        const auto pixel = static_cast<std::size_t>((std::int64_t{place.top} + h) * stored.width + column);
        const auto plane = static_cast<std::size_t>(std::int64_t{c} * stored.height * stored.width);
        input.push_back(static_cast<float>(pixels[pixel * 3 + static_cast<std::size_t>(c)]) -
                        mean[plane + pixel]);
      }
    }
  }
}

// Compares an image's probabilities with PyTorch's scores. Probabilities determine the scores up to an
// additive constant: ln p is the score less the logarithm of the sum of the exponentials of all scores.
void expect_scores(std::span<const float> probabilities, std::span<const float> scores) {
  double largest = 0.0;
  for (const float score : scores) largest = std::max(largest, std::abs(double{score}));
  double sum = 0.0;
  for (const float score : scores) sum += std::exp(double{score} - largest);
  ASSERT_GT(largest, 1.0) << "scores too small to tell anything";
  int compared = 0;
  for (std::size_t c = 0; c < scores.size(); ++c) {
    const float p = probabilities[c];
    if (p < std::numeric_limits<float>::min()) continue;  // underflowed
    ++compared;
    EXPECT_NEAR(std::log(double{p}), scores[c] - largest - std::log(sum), 1e-3 * largest);
  }
  EXPECT_GT(compared, 500);
}

TEST(PyTorch, AgreesOnTheScoresOfAlexNet) {
  if (!std::ifstream(kNet) || !std::ifstream(kScript)) GTEST_SKIP() << "not run from the source folder";
  if (run(std::string(kPython) + " -c 'import numpy, torch' 2>/dev/null") != 0) {
    GTEST_SKIP() << "python3-torch is not installed";
  }
  const test::TemporaryFolder folder;
  std::ifstream text(kNet);
  std::stringstream net_text;
  net_text << text.rdbuf();
  const NetSpec net = parse_net(net_text.str(), kNet);
  CompileOptions options;
  options.batch = kImages;
  options.mode = Mode::infer;
  const auto compiled = compile_cpu(net, options);
  const std::string weights = folder / "weights.safetensors";
  set_weights(*compiled, weights);

  TestRandom random(kSeed);
  std::vector<float> mean(static_cast<std::size_t>(net.input.stored.elements()));
  for (float& value : mean) value = 128.0F + 16.0F * static_cast<float>(random.next());
  compiled->set_mean(mean);
  std::vector<std::vector<std::uint8_t>> pixels(kImages, std::vector<std::uint8_t>(mean.size()));
  std::vector<const std::uint8_t*> images;
  const std::vector<Crop> crops{
      {0, 0, false, {0, 0, 0}}, {16, 16, true, {0, 0, 0}}, {32, 7, false, {0, 0, 0}}};
  std::vector<float> input;
  for (int n = 0; n < kImages; ++n) {
    const auto i = static_cast<std::size_t>(n);
    for (std::uint8_t& value : pixels[i]) value = static_cast<std::uint8_t>(random.below(256));
    images.push_back(pixels[i].data());
    append_input(net.input, crops[i], pixels[i], mean, input);
  }
  const std::string source = folder / "input";
  const std::string target = folder / "scores";
  std::ofstream(source, std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size() * sizeof(float)));
  ASSERT_EQ(run(std::string(kPython) + " " + kScript + " " + weights + " " + source + " " + target), 0);

  std::vector<float> probabilities(static_cast<std::size_t>(kImages) * 1000);
  compiled->infer({images, crops, {}, {}, {}}, probabilities);
  std::vector<float> want(probabilities.size());
  std::ifstream(target, std::ios::binary)
      .read(reinterpret_cast<char*>(want.data()), static_cast<std::streamsize>(want.size() * sizeof(float)));
  for (std::size_t n = 0; n < kImages; ++n) {
    const auto one = [&](const std::vector<float>& all) { return std::span(all).subspan(n * 1000, 1000); };
    expect_scores(one(probabilities), one(want));
  }
}

}  // namespace
}  // namespace convoy
