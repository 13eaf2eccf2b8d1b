#include "lib/net/compiled_net.h"

#include <bit>

#include "lib/base/error.h"

namespace convoy {

void BatchResult::add(double loss, int rank) {
  loss_sum += loss;
  top1_wrong += rank >= 1 ? 1 : 0;
  top5_wrong += rank >= static_cast<int>(kTopK) ? 1 : 0;
}

void BatchResult::add(const BatchResult& other) {
  loss_sum += other.loss_sum;
  top1_wrong += other.top1_wrong;
  top5_wrong += other.top5_wrong;
}

std::string joined_name(const NetSpec& net, const LayerRange& layers) {
  if (layers.begin == layers.end) return "input";
  std::string name = net.layers[layers.begin].name;
  for (std::size_t i = layers.begin + 1; i < layers.end; ++i) name += "+" + net.layers[i].name;
  return name;
}

ParameterFactors factors_of(const SgdRule& rule, const ParameterInfo& info, std::size_t index) {
  if (rule.factors.empty()) return {info.lr, info.decay};
  if (index >= rule.factors.size()) throw Error(info.name, "the rule has no factors for it");
  return rule.factors[index];
}

std::vector<bool> learning_layers(const NetSpec& net) {
  std::vector<bool> learning(net.layers.size());
  for (const ParameterInfo& parameter : parameters_of(net)) {
    if (parameter.lr != 0) learning[parameter.layer] = true;
  }
  return learning;
}

void CompiledNet::start_step(const BatchView& batch, const SgdRule& rule) {
  if (started_.size() >= kMaxStartedSteps) throw Error("net", "too many steps started");
  started_.push_back(train_step(batch, rule));
}

BatchResult CompiledNet::finish_step() {
  if (started_.empty()) throw Error("net", "no step was started");
  const BatchResult result = started_.front();
  started_.pop_front();
  return result;
}

int gradient_sums(const CompileOptions& options) {
  if (options.parts == 1) return 0;
  return options.exact_sums ? std::bit_width(static_cast<unsigned>(options.parts - 1)) : 1;
}

void check_batch(const NetSpec& net, int images, const BatchView& batch, BatchUse use) {
  const std::size_t count = batch.images.size();
  const bool labelled = use != BatchUse::infer;
  const bool training = use == BatchUse::train;
  const bool divided = training && batch.part.whole > 0;
  const bool fits = (count >= 1 || divided) && count <= static_cast<std::size_t>(images) &&
                    batch.crops.size() == count && (!labelled || batch.labels.size() == count) &&
                    (!training || (batch.records.size() == count && batch.epochs.size() == count));
  if (!fits) throw Error("batch", "does not fit the net it was compiled for");
  const Extent& crop = net.input.crop;
  const Extent& stored = net.input.stored;
  for (const Crop& place : batch.crops) {
    if (place.top < 0 || place.top > stored.height - crop.height || place.left < 0 ||
        place.left > stored.width - crop.width) {
      throw Error("batch", "a crop outside of its image");
    }
  }
  if (!labelled) return;
  for (const std::int32_t label : batch.labels) {
    if (label < 0 || label >= net.classes()) throw Error("batch", "a label outside of the classes");
  }
}

}  // namespace convoy
