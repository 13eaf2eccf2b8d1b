#include "lib/runs/checkpoint.h"

#include <algorithm>
#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/base/json.h"

namespace convoy {
namespace {

Metadata run_metadata(const TrainingOptions& options, const RunHistory& history) {
  Metadata metadata{{kMetaOptions, to_json(options).dump()}, {kMetaSeed, std::to_string(options.seed)}};
  add_history(history, metadata);
  return metadata;
}

std::vector<std::vector<float>> finite_values(const CompiledNet& net, bool momenta) {
  std::vector<std::vector<float>> all;
  const std::vector<ParameterInfo> parameters = parameters_of(net.net());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    std::vector<float>& values = all.emplace_back(parameters[i].elements());
    if (momenta) {
      net.get_momentum(i, values);
    } else {
      net.get_parameter(i, values);
    }
    if (!all_finite(values)) {
      throw NotFiniteError(parameters[i].name,
                           std::string(momenta ? "its momentum" : "it") +
                               " holds values that are not finite numbers: training diverged");
    }
  }
  return all;
}

constexpr const char* kPlateau = "plateau";
constexpr const char* kPatience = "patience";
constexpr const char* kKeeps = "keeps";
constexpr const char* kBestError = "best_error";
constexpr const char* kBestStep = "best_step";

nlohmann::json to_json(const PlateauState& plateau) {
  nlohmann::json value = {{"stale", plateau.stale}, {"drops", plateau.drops}};
  if (plateau.best) value["best"] = *plateau.best;
  return value;
}

PlateauState plateau_from_json(const nlohmann::json& value, const char* what, std::string_view file) {
  const JsonObject object(value, what, file);
  object.check_keys({"stale", "drops"}, {"best"});
  PlateauState plateau;
  if (object.has("best")) plateau.best = object.real("best");
  plateau.stale = object.count("stale");
  plateau.drops = object.count("drops");
  return plateau;
}

// What most runs do not have is not stored, so that their checkpoints are as ever.
nlohmann::json to_json(const TrainingState& state) {
  nlohmann::json value = {{"step", state.step},
                          {"records", state.records},
                          {"fingerprint", state.fingerprint},
                          {"validation_due", state.validation_due},
                          {"validates", state.validates},
                          {"logs", state.logs},
                          {"logged_images", state.logged.images},
                          {"logged_top1_wrong", state.logged.top1_wrong},
                          {"logged_top5_wrong", state.logged.top5_wrong},
                          {"logged_loss_sum", state.logged.loss_sum}};
  if (state.keeps) value[kKeeps] = true;
  if (state.plateau != PlateauState{}) value[kPlateau] = to_json(state.plateau);
  if (state.patience != PlateauState{}) value[kPatience] = to_json(state.patience);
  if (state.best.error) {
    value[kBestError] = *state.best.error;
    value[kBestStep] = state.best.step;
  }
  return value;
}

TrainingState state_from_json(const nlohmann::json& value, std::string_view file) {
  const JsonObject object(value, kMetaCheckpoint, file);
  object.check_keys({"step", "records", "fingerprint", "validation_due", "validates", "logs", "logged_images",
                     "logged_top1_wrong", "logged_top5_wrong", "logged_loss_sum"},
                    {kKeeps, kPlateau, kPatience, kBestError, kBestStep});
  TrainingState state;
  state.step = object.count("step");
  state.records = object.count("records");
  state.fingerprint = object.count("fingerprint");
  state.logged.images = object.count("logged_images");
  state.logged.top1_wrong = object.count("logged_top1_wrong");
  state.logged.top5_wrong = object.count("logged_top5_wrong");
  state.logged.loss_sum = object.real("logged_loss_sum");
  state.validation_due = object.boolean("validation_due");
  state.validates = object.boolean("validates");
  state.logs = object.boolean("logs");
  if (object.has(kKeeps)) state.keeps = object.boolean(kKeeps);
  if (object.has(kPlateau)) state.plateau = plateau_from_json(object.member(kPlateau), kPlateau, file);
  if (object.has(kPatience)) state.patience = plateau_from_json(object.member(kPatience), kPatience, file);
  if (object.has(kBestError)) state.best = {object.real(kBestError), object.count(kBestStep)};
  return state;
}

}  // namespace

Checkpoint read_checkpoint(const WeightsFile& file) {
  const auto options = file.metadata(kMetaOptions);
  const auto state = file.metadata(kMetaCheckpoint);
  if (!options || !state) throw Error(file.name(), "not a checkpoint: it holds weights only");
  const std::string options_place = file.name() + ": " + kMetaOptions;
  const std::string state_place = file.name() + ": " + kMetaCheckpoint;
  Checkpoint checkpoint{
      .options = training_options_from_json(parse_json(*options, options_place), options_place),
      .state = state_from_json(parse_json(*state, state_place), file.name()),
      .history = read_history(file)};
  const std::string seed = std::to_string(checkpoint.options.seed);
  if (const auto other = file.metadata(kMetaSeed); other && *other != seed) {
    throw Error(options_place,
                "its seed is " + seed + ", but " + kMetaSeed + " is another: damaged, or changed");
  }
  return checkpoint;
}

void load_parameters(const WeightsFile& file, CompiledNet& net, bool momenta) {
  const auto checked = [&](const std::string& tensor, std::span<const float> values) {
    file.require_finite(tensor);
    return values;
  };
  const std::vector<ParameterInfo>& parameters = file.parameters();
  const std::size_t count = std::min(parameters.size(), parameters_of(net.net()).size());
  for (std::size_t i = 0; i < count; ++i) {
    net.set_parameter(i, checked(parameters[i].name, file.parameter(i)));
  }
  net.set_mean(checked(std::string(kMeanTensor), file.model().mean));
  if (!momenta) return;
  const auto values = file.momenta();
  for (std::size_t i = 0; i < values.size(); ++i) {
    net.set_momentum(i, checked(std::string(kMomentumPrefix) + parameters[i].name, values[i]));
  }
}

std::vector<std::vector<float>> finite_parameters(const CompiledNet& net) {
  return finite_values(net, false);
}

void save_weights(const std::string& path, const Model& model, const TrainingOptions& options,
                  const CompiledNet& net, const RunHistory& history) {
  write_weights(path, weights_of(model, options, net, history));
}

WeightsContent weights_of(const Model& model, const TrainingOptions& options, const CompiledNet& net,
                          const RunHistory& history) {
  return {.model = model,
          .parameters = finite_parameters(net),
          .momenta = {},
          .metadata = run_metadata(options, history)};
}

void save_checkpoint(const std::string& path, const Model& model, const TrainingOptions& options,
                     const TrainingState& state, const CompiledNet& net, const RunHistory& history) {
  Metadata metadata = run_metadata(options, history);
  metadata[kMetaCheckpoint] = to_json(state).dump();
  write_weights(path, {.model = model,
                       .parameters = finite_parameters(net),
                       .momenta = finite_values(net, true),
                       .metadata = metadata});
}

}  // namespace convoy
