// A trained net's answers for prepared images.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/image.h"
#include "formats/weights.h"
#include "lib/net/compiled_net.h"
#include "lib/net/device.h"

namespace convoy {

// What a Predictor of so many images at a time takes at least, on any number of threads.
[[nodiscard]] std::uint64_t least_predictor_bytes(const NetSpec& net, const CompileOptions& options,
                                                  std::size_t batch);

class Predictor {
 public:
  // Compiles the net for inference and loads its parameters; `weights` is not needed after that.
  Predictor(const WeightsFile& weights, const Device& device, const CompileOptions& options);

  // Class probabilities, [images, classes], of the centre crops of images that check_image() accepts, at most
  // as many as the net was compiled for. Valid until the next call.
  [[nodiscard]] std::span<const float> predict(std::span<const Image> images);

  [[nodiscard]] std::size_t classes() const { return classes_; }

 private:
  std::unique_ptr<CompiledNet> net_;
  std::size_t classes_;
  std::vector<float> probabilities_;
};

// Throws Error(place, ...) if the image does not have the extent of the stored images that the net takes.
void check_image(const Image& image, const InputSpec& input, std::string_view place);

// The k best classes of an image, one line each, tab-separated: name, rank from 1, class id,
// class, probability.
[[nodiscard]] std::string prediction_tsv(std::string_view name, std::span<const float> probabilities,
                                         std::size_t k, const std::vector<ClassInfo>& classes);
// The same as one line of JSON: {"name": ..., "predictions": [{"rank", "class_id", "class", "probability"}]}.
[[nodiscard]] std::string prediction_json(std::string_view name, std::span<const float> probabilities,
                                          std::size_t k, const std::vector<ClassInfo>& classes);
// One line with as many fields: name, no rank, class ID or class, and the reason in place of the probability.
[[nodiscard]] std::string rejection_tsv(std::string_view name, std::string_view reason);
// {"name": ..., "error": ...}, so that a program that waits for an answer gets one.
[[nodiscard]] std::string rejection_json(std::string_view name, std::string_view reason);

}  // namespace convoy
