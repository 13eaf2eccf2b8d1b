#include "lib/runs/feature_net.h"

#include <algorithm>

#include "lib/base/checked.h"
#include "lib/net/truncated.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/class_responder.h"
#include "lib/runs/run_doubts.h"
#include "lib/runs/sampling.h"

namespace convoy {

FeatureNet::FeatureNet(const WeightsFile& weights, const std::string& layer,
                       const InferenceOptions& inference)
    : weights_(weights), net_(net_up_to(weights.model().net, layer, weights.name())), inference_(inference) {}

CompileOptions FeatureNet::options_for(std::size_t images, std::uint64_t held_per_image) const {
  CompileOptions options = inference_.compile;
  options.batch = static_cast<int>(images);
  options.held_per_image =
      saturating_add(held_per_image, static_cast<std::uint64_t>(net_.input.stored.elements()) +
                                         elements() * sizeof(float) + sizeof(Crop) + sizeof(void*));
  return options;
}

void FeatureNet::compile(std::size_t images, std::uint64_t held_per_image, Console& console) {
  CompileOptions options = options_for(images, held_per_image);
  options.on_planned = [&](const PlannedMemory& planned) {
    say_memory(planned, weights_.name() + ": ", console);
  };
  compiled_ = compile_net(net_, inference_.device, options);
  load_parameters(weights_, *compiled_, false);
}

std::uint64_t FeatureNet::least_bytes(std::size_t images, std::uint64_t held_per_image) const {
  return least_memory(net_, options_for(images, held_per_image)).total();
}

std::span<const float> FeatureNet::features(std::span<const Image> images) {
  const std::vector<const std::uint8_t*> pixels = pixels_of(images);
  const std::vector<Crop> crops(images.size(), center_crop(net_.input));
  features_.resize(std::max(features_.size(), images.size() * elements()));
  const std::span<float> values = std::span(features_).first(images.size() * elements());
  compiled_->activations({.images = pixels, .crops = crops, .labels = {}, .records = {}, .epochs = {}},
                         values);
  return values;
}

}  // namespace convoy
