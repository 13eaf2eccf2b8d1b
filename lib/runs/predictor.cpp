#include "lib/runs/predictor.h"

#include <nlohmann/json.hpp>

#include "lib/base/json.h"
#include "lib/base/table.h"
#include "lib/base/text.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/evaluation_report.h"
#include "lib/runs/labels.h"
#include "lib/runs/metrics.h"
#include "lib/runs/sampling.h"

namespace convoy {
namespace {

// Names may hold any bytes; what is not UTF-8 is replaced by U+FFFD.
std::string json_line(const nlohmann::ordered_json& value) { return json_text(value) + "\n"; }

// The caller gathers the images of a batch, and the predictor has their probabilities.
CompileOptions with_images(CompileOptions options, const NetSpec& net) {
  options.held_per_image = static_cast<std::uint64_t>(net.input.stored.elements()) +
                           static_cast<std::uint64_t>(net.classes()) * sizeof(float);
  return options;
}

}  // namespace

std::uint64_t least_predictor_bytes(const NetSpec& net, const CompileOptions& options, std::size_t batch) {
  CompileOptions how = with_images(options, net);
  how.batch = static_cast<int>(batch);
  return least_memory(net, how).total();
}

Predictor::Predictor(const WeightsFile& weights, const Device& device, const CompileOptions& options)
    : net_(compile_net(weights.model().net, device, with_images(options, weights.model().net))),
      classes_(static_cast<std::size_t>(weights.model().net.classes())),
      probabilities_(static_cast<std::size_t>(options.batch) * classes_) {
  load_parameters(weights, *net_, false);
}

std::span<const float> Predictor::predict(std::span<const Image> images) {
  std::vector<const std::uint8_t*> pixels;
  for (const Image& image : images) pixels.push_back(image.pixels.data());
  const std::vector<Crop> crops(images.size(), center_crop(net_->net().input));
  net_->infer({.images = pixels, .crops = crops, .labels = {}, .records = {}, .epochs = {}}, probabilities_);
  return std::span(probabilities_).first(images.size() * classes_);
}

void check_image(const Image& image, const InputSpec& input, std::string_view place) {
  DatasetInfo info;
  info.width = image.width;
  info.height = image.height;
  info.channels = image.channels;
  check_extent(info, input, place);
}

std::string prediction_tsv(std::string_view name, std::span<const float> probabilities, std::size_t k,
                           const std::vector<ClassInfo>& classes) {
  std::string text;
  int rank = 0;
  for (const std::int32_t label : top_classes(probabilities, k)) {
    const auto index = static_cast<std::size_t>(label);
    text += tsv_field(name) + "\t" + std::to_string(++rank) + "\t" + tsv_field(class_id(classes, index)) +
            "\t" + (index < classes.size() ? tsv_field(classes[index].name) : std::string()) +
            format("\t%.6f\n", static_cast<double>(probabilities[index]));
  }
  return text;
}

std::string prediction_json(std::string_view name, std::span<const float> probabilities, std::size_t k,
                            const std::vector<ClassInfo>& classes) {
  nlohmann::ordered_json line = {{"name", name}, {"predictions", nlohmann::ordered_json::array()}};
  int rank = 0;
  for (const std::int32_t label : top_classes(probabilities, k)) {
    const auto index = static_cast<std::size_t>(label);
    line["predictions"].push_back({{"rank", ++rank},
                                   {"class_id", class_id(classes, index)},
                                   {"class", index < classes.size() ? classes[index].name : std::string()},
                                   {"probability", probabilities[index]}});
  }
  return json_line(line);
}

std::string rejection_tsv(std::string_view name, std::string_view reason) {
  return tsv_field(name) + "\t\t\t\t" + tsv_field(reason) + "\n";
}

std::string rejection_json(std::string_view name, std::string_view reason) {
  return json_line({{"name", name}, {"error", reason}});
}

}  // namespace convoy
