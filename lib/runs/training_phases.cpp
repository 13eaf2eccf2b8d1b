#include "lib/runs/training_phases.h"

#include <algorithm>
#include <cmath>

#include "lib/base/error.h"
#include "lib/base/options.h"

namespace convoy {
namespace {

// The first image of an epoch, which may begin within one.
double start_of(double epoch, std::uint64_t records) {
  return std::ceil(epoch * static_cast<double>(records));
}

[[noreturn]] void refuse_layer(const OptionChange& change, const NetSpec& net, const std::string& layer,
                               bool known) {
  std::string names;
  for (const LayerSpec& one : net.layers) {
    if (learned(one.kind) != nullptr) names += (names.empty() ? "" : ", ") + one.name;
  }
  throw UsageError("--at", "'" + change.text() + "': layer " + layer +
                               (known ? " has no parameters" : " is not in the net") +
                               "; those that learn are: " + names);
}

void change_factor(const OptionChange& change, const NetSpec& net,
                   const std::vector<ParameterInfo>& parameters, std::vector<ParameterFactors>& factors) {
  const auto name = layer_factor_from(change.name);
  const auto layer = std::ranges::find(net.layers, name->layer, &LayerSpec::name);
  if (layer == net.layers.end() || learned(layer->kind) == nullptr) {
    refuse_layer(change, net, name->layer, layer != net.layers.end());
  }
  const bool bias = name->factor == LayerFactor::bias_lr || name->factor == LayerFactor::bias_decay;
  const bool rate = name->factor == LayerFactor::lr || name->factor == LayerFactor::bias_lr;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const ParameterInfo& parameter = parameters[i];
    if (&net.layers[parameter.layer] != &*layer || parameter.bias != bias) continue;
    (rate ? factors[i].lr : factors[i].decay) = read_layer_factor(change);
  }
}

}  // namespace

TrainingPhases::TrainingPhases(const TrainingOptions& options, const NetSpec& net) {
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  TrainingPhase phase{.epoch = 0.0, .options = options, .factors = {}, .changes = {}};
  for (const ParameterInfo& parameter : parameters) phase.factors.push_back({parameter.lr, parameter.decay});
  phases_.push_back(phase);
  for (const OptionChange& change : options.at.all()) {
    if (change.epoch > phases_.back().epoch) {
      phases_.push_back(phases_.back());
      phases_.back().epoch = change.epoch;
      phases_.back().changes.clear();
    }
    TrainingPhase& now = phases_.back();
    now.changes += (now.changes.empty() ? "" : ", ") + change.text();
    if (layer_factor_from(change.name)) {
      change_factor(change, net, parameters, now.factors);
    } else {
      now.options.set(change.name, change.value);
    }
  }
}

const TrainingPhase& TrainingPhases::at(std::uint64_t seen, std::uint64_t records) const {
  auto phase = phases_.rbegin();
  while (std::next(phase) != phases_.rend() && static_cast<double>(seen) < start_of(phase->epoch, records)) {
    ++phase;
  }
  return *phase;
}

SgdRule TrainingPhases::rule(std::uint64_t step, std::uint64_t records, std::uint64_t drops) const {
  const TrainingOptions& run = phases_.front().options;
  const auto images = static_cast<std::uint64_t>(run.batch);
  const RunPosition position{.seen = step * images,
                             .records = records,
                             .total = run.total_steps(records) * images,
                             .batch = images,
                             .drops = drops};
  const TrainingPhase& phase = at(position.seen, records);
  return {.learning_rate =
              phase.options.learning_rate * run.schedule.factor(position) * run.warmup.factor(position),
          .momentum = phase.options.momentum,
          .weight_decay = phase.options.weight_decay,
          .factors = phase.factors,
          .lars_trust = phase.options.optimizer.lars_trust};
}

std::vector<CropChange> TrainingPhases::crop_changes(std::uint64_t records) const {
  std::vector<CropChange> changes;
  for (std::size_t i = 1; i < phases_.size(); ++i) {
    const double start = start_of(phases_[i].epoch, records);
    if (start >= kMaxPositions) break;
    changes.push_back({static_cast<std::uint64_t>(start), phases_[i].options.crop});
  }
  return changes;
}

bool TrainingPhases::has_color_noise() const {
  return std::ranges::any_of(
      phases_, [](const TrainingPhase& phase) { return phase.options.crop.color_noise.sigma > 0; });
}

std::vector<bool> TrainingPhases::learning_layers(const NetSpec& net) const {
  const std::vector<ParameterInfo> parameters = parameters_of(net);
  std::vector<bool> learns(net.layers.size());
  for (const TrainingPhase& phase : phases_) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (phase.factors[i].lr != 0) learns[parameters[i].layer] = true;
    }
  }
  return learns;
}

}  // namespace convoy
