#include "lib/net/backend_net.h"

#include "lib/base/error.h"
#include "lib/base/processors.h"

namespace convoy {

BackendNet::BackendNet(const NetSpec& net, const CompileOptions& options)
    : net_(net),
      options_(options),
      threads_(options.threads > 0 ? options.threads : default_threads()),
      parameters_(parameters_of(net)) {
  if (options.batch < 1) throw Error("net", "a batch of less than one image");
  if (net.layers.size() < 2) throw Error("net", "no layer before the softmax");
  if (net.layers[net.layers.size() - 2].out.elements() != net.classes()) {
    throw Error("net", "the softmax's input is not one score a class");
  }
}

void BackendNet::require_training() const {
  if (!training()) throw Error("net", "compiled for inference only");
}

void BackendNet::check_mean(std::span<const float> mean) const {
  if (mean.size() != static_cast<std::size_t>(net_.input.stored.elements())) {
    throw Error("mean", "of another size than the images");
  }
}

void BackendNet::check(const BatchView& batch, BatchUse use) const {
  check_batch(net_, options_.batch, batch, use);
  const bool whole = batch.part.first && batch.part.last;
  if (!whole && options_.parts == 1) throw Error("net", "not compiled for batches in parts");
}

std::size_t BackendNet::check_room(const BatchView& batch, std::span<const float> probabilities) const {
  const std::size_t count = batch.images.size() * static_cast<std::size_t>(net_.classes());
  if (probabilities.size() < count) throw Error("batch", "no room for the probabilities");
  return count;
}

const ParameterInfo& BackendNet::parameter(std::size_t index, std::size_t elements) const {
  if (index >= parameters_.size() || parameters_[index].elements() != elements) {
    throw Error("parameter " + std::to_string(index), "no such parameter of this size");
  }
  return parameters_[index];
}

SgdCoefficients BackendNet::sgd_coefficients(const SgdRule& rule, std::size_t index) const {
  const ParameterFactors factors = factors_of(rule, parameters_.at(index), index);
  const double rate = rule.learning_rate * factors.lr;
  return {.momentum = static_cast<float>(rule.momentum),
          .decay = static_cast<float>(rule.weight_decay * factors.decay * rate),
          .rate = static_cast<float>(rate * rule.gradient_scale)};
}

LarsRule BackendNet::lars_rule(const SgdRule& rule, std::size_t index) const {
  const ParameterFactors factors = factors_of(rule, parameters_.at(index), index);
  return {.trust = rule.lars_trust.value(),
          .rate = rule.learning_rate * factors.lr,
          .decay = rule.weight_decay * factors.decay,
          .gradient_scale = rule.gradient_scale,
          .momentum = static_cast<float>(rule.momentum)};
}

}  // namespace convoy
