#include "lib/weights/torchvision.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace convoy {
namespace {

struct Layer {
  std::string_view there;
  std::string_view here;
};
constexpr std::array<Layer, 8> kLayers = {{{"features.0", "conv1"},
                                           {"features.3", "conv2"},
                                           {"features.6", "conv3"},
                                           {"features.8", "conv4"},
                                           {"features.10", "conv5"},
                                           {"classifier.1", "fc6"},
                                           {"classifier.4", "fc7"},
                                           {"classifier.6", "fc8"}}};
constexpr std::array<std::string_view, 2> kParts = {".weight", ".bias"};

// The layers of torchvision.models.AlexNet (torchvision/models/alexnet.py), which is the one-GPU net of
// Krizhevsky, "One weird trick for parallelizing convolutional neural networks" (2014), without its response
// normalisation. Its adaptive pooling to 6x6 leaves 6x6 as they are.
constexpr std::string_view kNet = R"(# torchvision's AlexNet
input   224x224x3 from=256x256
conv    conv1 64 11x11 stride=4 pad=2
relu
maxpool 3x3 stride=2
conv    conv2 192 5x5 pad=2
relu
maxpool 3x3 stride=2
conv    conv3 384 3x3 pad=1
relu
conv    conv4 256 3x3 pad=1
relu
conv    conv5 256 3x3 pad=1
relu
maxpool 3x3 stride=2
dropout 0.5
fc      fc6 4096
relu
dropout 0.5
fc      fc7 4096
relu
)";

std::string name_of(std::string_view layer, std::string_view part) {
  return std::string(layer) + std::string(part);
}

}  // namespace

void recognise_torchvision(ForeignWeights& weights) {
  if (weights.tensors.size() != kLayers.size() * kParts.size()) return;
  std::vector<ForeignTensor> renamed;
  for (const Layer& layer : kLayers) {
    for (const std::string_view part : kParts) {
      const auto found = std::ranges::find(weights.tensors, name_of(layer.there, part), &ForeignTensor::name);
      if (found == weights.tensors.end()) return;
      renamed.push_back(*found);
      renamed.back().name = name_of(layer.here, part);
    }
  }
  const std::vector<std::uint64_t>& last = renamed.back().shape;  // the biases of the last layer
  if (last.size() != 1) return;
  weights.tensors = std::move(renamed);
  weights.net = std::string(kNet) + "fc      fc8 " + std::to_string(last.front()) + "\nsoftmax\n";
  constexpr double kWhite = 255.0;
  for (std::size_t c = 0; c < 3; ++c) {
    weights.input.constant.push_back(kWhite * kTorchvisionMean[c]);
    weights.input.scale.push_back(1.0 / (kWhite * kTorchvisionStddev[c]));
  }
}

}  // namespace convoy
