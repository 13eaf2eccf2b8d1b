// The activations of one layer of a trained net for prepared images.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/image.h"
#include "formats/weights.h"
#include "lib/base/console.h"
#include "lib/runs/inference_options.h"

namespace convoy {

class FeatureNet {
 public:
  // Throws Error naming the layers if the net has none called `layer`. weights: must outlive this.
  FeatureNet(const WeightsFile& weights, const std::string& layer, const InferenceOptions& inference);

  [[nodiscard]] std::size_t elements() const { return static_cast<std::size_t>(net_.classes()); }
  // Compiles the layers for so many images at a time. held_per_image: bytes that the caller holds beside
  // images and features.
  void compile(std::size_t images, std::uint64_t held_per_image, Console& console);
  // What compile() plans at least.
  [[nodiscard]] std::uint64_t least_bytes(std::size_t images, std::uint64_t held_per_image) const;
  // [images][elements()] of the centre crops, in C,H,W order. Valid until the next call.
  [[nodiscard]] std::span<const float> features(std::span<const Image> images);

 private:
  [[nodiscard]] CompileOptions options_for(std::size_t images, std::uint64_t held_per_image) const;

  const WeightsFile& weights_;
  NetSpec net_;
  InferenceOptions inference_;
  std::unique_ptr<CompiledNet> compiled_;
  std::vector<float> features_;
};

}  // namespace convoy
