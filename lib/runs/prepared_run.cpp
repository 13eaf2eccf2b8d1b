#include "lib/runs/prepared_run.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "formats/net.h"
#include "formats/safetensors_checksum.h"
#include "lib/base/checked.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/own_files.h"
#include "lib/net/init.h"
#include "lib/runs/ensemble.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/kept_weights.h"
#include "lib/runs/loader.h"
#include "lib/runs/metrics.h"
#include "lib/runs/training_phases.h"

namespace convoy {
namespace {

// The reports that the run of the checkpoint wrote and the resumed run `now` does not. They are not taken
// from the checkpoint, since their files may have moved.
std::vector<std::string> reports_left_out(const TrainingState& before, const TrainingState& now) {
  constexpr const char* kLeftOut = " was given before, and is not now";
  std::vector<std::string> left_out;
  if (before.validates && !now.validates) left_out.push_back(std::string("--val") + kLeftOut);
  if (before.logs && !now.logs) left_out.push_back(std::string("--log") + kLeftOut);
  if (before.keeps && !now.keeps) left_out.push_back(std::string("--keep") + kLeftOut);
  return left_out;
}

// If no step is left, a changed option would not change the weights, only what they say about their training.
// Only the end of the run may then move.
void check_steps_left(const TrainingState& state, std::uint64_t total_steps, bool stops_early,
                      const std::vector<ResumeDifference>& differences) {
  const auto change = std::ranges::find(differences, false, &ResumeDifference::moves_end);
  if ((state.step == total_steps || stops_early) && change != differences.end()) {
    throw UsageError("the checkpoint is at step " + std::to_string(state.step) +
                     (stops_early ? ", where the run stopped early" : ", the last") +
                     ": there is nothing left to train with " + change->text);
  }
}

// Throws UsageError for options that decide by validations, if there will be none.
void require_validations(const TrainingOptions& training, const Options& options) {
  const auto require = [&](const char* option, const std::string& what, bool regular) {
    const std::string decides = what + " decides by the validation error";
    if (!options.given("val")) throw UsageError(option, decides + ": give --val");
    if (regular && options.text("val-every") == "never") {
      throw UsageError("--val-every", decides + ", and needs validations before the end");
    }
  };
  if (training.schedule.plateau()) require("--lr-policy", "plateau", true);
  if (training.early_stop) require("--early-stop", "it", true);
  if (keep_from(options) == Keep::best) require("--keep", "best", false);
}

}  // namespace

NetSpec read_net(const Options& options) {
  const std::string path = options.text("net");
  if (path.empty()) throw UsageError("--net=FILE is missing");
  return parse_net(read_text_file(path, kMaxNetBytes, Expected::net), display_name(path));
}

PreparedRun::PreparedRun(const Options& options, Device device, const RunFiles& files, Ranks& ranks)
    : options_(options), device_(std::move(device)), files_(files), ranks_(ranks) {
  if (device_.cuda && ranks.size() > 1) {
    throw UsageError("--device", "several ranks train on processors: give --device=cpu");
  }
  if (files_.beginning == Beginning::resumed && options.given("init-from")) {
    throw UsageError("--init-from", "a run that is resumed has its weights from the checkpoint");
  }
  if (files_.resumed_from.empty()) {
    settle();
    return;
  }
  // What cannot be read now is not a checkpoint that does not fit.
  if (files_.beginning == Beginning::resumed_if_fits) const MappedFile readable(files_.resumed_from);
  resume_if_fits([this] {
    resumed_.emplace(files_.resumed_from, files_.memory);
    resumes_ = true;
    settle();
  });
}

void PreparedRun::settle() {
  const TrainingOptions* before = resumed_ ? &resumed_->checkpoint.options : nullptr;
  const WeightsFile* file = resumed_ ? &resumed_->file : nullptr;
  // The command that resumes a run automatically is also the one that starts it.
  const bool complete = file == nullptr || files_.beginning == Beginning::resumed_if_fits;
  training_ = training_options_from(options_, before, device_);
  parts_ = training_.parts_of(ranks_.rank(), ranks_.size());
  if (device_.cuda && training_.exact_sums) {
    throw UsageError("--sum", "exact: only on processors: give --device=cpu");
  }
  model_.net = options_.given("net") || complete ? read_net(options_) : file->model().net;
  const TrainingPhases phases(training_, model_.net);
  learning_ = phases.learning_layers(model_.net);
  initial_.reset();
  initial_layers_ = {};
  history_ = resumed_ ? resumed_->checkpoint.history : RunHistory{};
  const std::string initial = options_.text("init-from");
  if (file == nullptr && !initial.empty()) {
    initial_.emplace(initial, Expected::weights, files_.memory);
    initial_layers_ = match_layers(model_.net, *initial_);
    history_.initial_file = initial_->name();
    history_.initial_layers = initial_layers_.taken;
  }
  if (complete && initial.empty()) require_mean(options_.text("mean"));
  mean_ = settle_mean(phases.has_color_noise() ? WantedColors::yes : WantedColors::no);
  model_.mean = mean_.values;
  model_.colors = mean_.colors;
  differences_.clear();
  if (before != nullptr) differences_ = resume_differences(*before, training_);
}

MeanImage PreparedRun::settle_mean(WantedColors wanted) const {
  const std::string path = options_.text("mean");
  if (initial_ && path.empty()) {
    const Extent& there = initial_->model().net.input.stored;
    if (there != model_.net.input.stored) {
      throw UsageError::about("--mean", "--mean=FILE is missing: that of " + initial_->name() + " is of " +
                                            text_of(there) + ", and the net takes stored images of " +
                                            text_of(model_.net.input.stored));
    }
    initial_->require_finite(kMeanTensor);
    return choose_mean(path, model_.net, &*initial_, wanted, files_.memory);
  }
  return choose_mean(path, model_.net, resumed_ ? &resumed_->file : nullptr, wanted, files_.memory);
}

void PreparedRun::say_initial_layers(Console& console) const {
  note_checksum(initial_->has_checksum(), initial_->name(), console);
  console.note(initial_->name() + ": " + initial_layers_.text() +
               (options_.given("mean") ? "" : "; its mean"));
  const std::string difference =
      preprocessing_difference(initial_->model().dataset.preprocessing, data_->info().preprocessing);
  if (!difference.empty()) {
    console.warn(initial_->name() +
                 ": of images prepared in another way than the training set: " + difference);
  }
}

void PreparedRun::resume_if_fits(const std::function<void()>& step) {
  if (files_.beginning != Beginning::resumed_if_fits) return step();
  try {
    return step();
  } catch (const UsageError& error) {
    unfit_ = files_.resumed_from + ": " + error.what();
  } catch (const Error& error) {
    unfit_ = error.what();
  }
  resumed_.reset();
  resumes_ = false;
  settle();
}

void PreparedRun::open(const std::vector<std::string>& shards, Rejects& rejects, Console& console) {
  data_.emplace(shards, rejects.on_damage(), files_.memory);
  labels_ = check_training_set(*data_, model_.net, console);
  check_mean(mean_, options_.text("mean"), *data_, console);
  model_.dataset = data_->info();
  if (options_.given("val")) {
    validation_.emplace(options_.texts("val"), rejects.on_damage(), files_.memory);
    validation_labels_ = check_labelled_set(*validation_, model_, "the training set", console);
  }
  state_ = {.records = data_->size(),
            .fingerprint = labels_.fingerprint,
            .validates = options_.given("val"),
            .logs = options_.given("log"),
            .keeps = keep_from(options_) != Keep::last};
  if (resumed_) resume_if_fits([this] { check_resumable(); });
  require_validations(training_, options_);
  const std::uint64_t total_steps = training_.total_steps(data_->size());
  if (resumed_) resume(total_steps, console);
  if (initial_) say_initial_layers(console);
  console.note("seed " + std::to_string(training_.seed) + ", device " + device_.text() + ", precision " +
               std::string(element_name(training_.precision)) + ", threads " +
               std::to_string(training_.threads) +
               (ranks_.size() > 1 ? " on each of " + std::to_string(ranks_.size()) + " ranks" : "") + ", " +
               count_of(data_->size(), "image") + ", " + count_of(total_steps, "step") + " of " +
               std::to_string(training_.batch));
}

void PreparedRun::check_resumable() const {
  const WeightsFile& file = resumed_->file;
  const TrainingState& before = resumed_->checkpoint.state;
  if (model_.net.text != file.model().net.text) {
    throw Error(file.name(), "the checkpoint is of another net than --net");
  }
  if (before.records != state_.records) {
    throw Error(file.name(), "the checkpoint is of a training set of " + count_of(before.records, "record") +
                                 ", this one has " + std::to_string(state_.records));
  }
  check_classes(model_.dataset.classes, data_->shards().front().name(), file.model().dataset.classes,
                file.name());
  if (before.fingerprint != state_.fingerprint) {
    throw Error(file.name(), "the checkpoint is of another training set, or of its shards in another order");
  }
  (void)file.momenta();
}

// Replaces the state of a new run by that of the checkpoint.
void PreparedRun::resume(std::uint64_t total_steps, Console& console) {
  const TrainingState& before = resumed_->checkpoint.state;
  note_checksum(resumed_->file.has_checksum(), resumed_->file.name(), console);
  const bool stops_early = training_.stops_early(before.patience.stale);
  check_steps_left(before, total_steps, stops_early, differences_);
  for (const ResumeDifference& difference : differences_) {
    const std::string text = "resumed run: " + difference.text;
    const bool on_purpose = difference.moves_end || options_.given(difference.option);
    on_purpose ? console.note(text) : console.warn(text);
    // Where the run ends is in its options, and says nothing about the steps before.
    if (difference.moves_end) continue;
    history_.changes.push_back({before.step, difference.option, difference.before, difference.after});
  }
  for (const std::string& report : reports_left_out(before, state_)) console.warn("resumed run: " + report);
  if (before.step > total_steps) {
    throw UsageError("the checkpoint is at step " + std::to_string(before.step) + " already, beyond the " +
                     std::to_string(total_steps) + " asked for");
  }
  const TrainingState fresh = std::exchange(state_, before);
  state_.validates = fresh.validates;
  state_.logs = fresh.logs;
  state_.keeps = fresh.keeps;
  console.note(resumed_->file.name() + ": resumed at step " + std::to_string(state_.step) +
               (state_.step == total_steps ? ", the last: the run is finished"
                : stops_early              ? ", where it stopped early: the run is finished"
                                           : ""));
}

CompileOptions PreparedRun::compile_options() const {
  constexpr std::uint64_t kOrders = 2;  // of the images in an epoch: this one's and the next one's
  const auto classes = static_cast<std::uint64_t>(model_.net.classes());
  return {
      .batch = (training_.batch + parts_.all - 1) / parts_.all,
      .mode = Mode::train,
      .parts = parts_.count(),
      .exact_sums = training_.exact_sums,
      .ranks = &ranks_,
      .precision = training_.precision,
      .seed = training_.seed,
      .learning = learning_,
      .threads = training_.threads,
      .memory = memory_for_net(options_, validation_ ? 2 : 1),
      .held_per_image =
          loaded_bytes_per_image(*data_) +
          (validation_ ? loaded_bytes_per_image(*validation_) + ensemble_bytes_per_image(model_.net.classes())
                       : 0),
      .held = kOrders * sizeof(std::uint64_t) * data_->size() + decoding_bytes(*data_, training_.threads) +
              (validation_ ? classes * sizeof(Totals) + decoding_bytes(*validation_, training_.threads) : 0) +
              kept_bytes()};
}

std::uint64_t PreparedRun::kept_bytes() const {
  std::uint64_t all = 0;
  for (const ParameterInfo& parameter : parameters_of(model_.net)) {
    all = saturating_add(all, saturating_mul(parameter.elements(), sizeof(float)));
  }
  return saturating_mul(all, KeptWeights::most_copies(keep_from(options_)));
}

void PreparedRun::doubt(const std::vector<GivenInterval>& intervals, Console& console) const {
  const RunDoubts doubts = doubts_about({.options = training_,
                                         .records = data_->size(),
                                         .total_steps = training_.total_steps(data_->size()),
                                         .classes = model_.dataset.classes,
                                         .labels = labels_,
                                         .validation = validation_ ? &validation_labels_ : nullptr,
                                         .shared_shards = shared_shards(),
                                         .intervals = intervals});
  for (const std::string& warning : doubts.warnings) console.warn(warning);
  for (const std::string& note : doubts.notes) console.note(note);
  if (const auto warning = work_warning(model_.net)) console.warn(*warning);
}

std::vector<std::string> PreparedRun::shared_shards() const {
  std::vector<std::string> shared;
  if (!validation_) return shared;
  std::set<FileIdentity> training;
  for (const ShardFile& shard : data_->shards()) {
    if (const auto file = regular_file(shard.name())) training.insert(*file);
  }
  for (const ShardFile& shard : validation_->shards()) {
    const auto file = regular_file(shard.name());
    if (file && training.contains(*file)) shared.push_back(shard.name());
  }
  return shared;
}

std::unique_ptr<CompiledNet> PreparedRun::compile(Console& console) {
  CompileOptions how = compile_options();
  how.on_planned = [&](const PlannedMemory& planned) { say_memory(planned, {}, console); };
  auto net = compile_net(model_.net, device_, how);
  for (const std::string& line : net->describe_primitives()) console.detail(line);
  if (resumed_) {
    load_parameters(resumed_->file, *net, true);
    resumed_.reset();
  } else if (initial_) {
    set_initial_parameters(*net, training_.seed, *initial_, initial_layers_.taken);
    net->set_mean(model_.mean);
    initial_.reset();
  } else {
    initialize_parameters(*net, training_.seed);
    net->set_mean(model_.mean);
  }
  return net;
}

std::optional<TrainingLog> PreparedRun::open_log() const {
  if (!options_.given("log")) return std::nullopt;
  return TrainingLog(options_.text("log"), resumes_ ? std::optional(state_.step) : std::nullopt,
                     files_.memory);
}

RunStart PreparedRun::start() const {
  return {.step = state_.step,
          .epochs_a_step = static_cast<double>(training_.batch) / static_cast<double>(state_.records),
          .resumed = resumes_,
          .unfit = unfit_};
}

std::string PreparedRun::identity() const {
  TrainingOptions same = training_;
  same.threads = 1;  // may differ
  return to_json(same).dump() + "\n" + model_.net.text + "\n" + std::to_string(state_.step) + " " +
         std::to_string(state_.records) + " " + std::to_string(state_.fingerprint) + " " +
         std::to_string(validation_ ? validation_->size() : 0);
}

RunInputs PreparedRun::inputs() const {
  return {.model = model_,
          .options = training_,
          .training = *data_,
          .labels = labels_,
          .validation = validation_ ? &*validation_ : nullptr,
          .history = history_,
          .parts = parts_,
          .ranks = ranks_.size() > 1 ? &ranks_ : nullptr};
}

}  // namespace convoy
