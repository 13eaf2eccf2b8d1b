#include "lib/runs/prepared_run.h"

#include <algorithm>
#include <utility>

#include "formats/net.h"
#include "lib/base/content.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/net/init.h"

namespace convoy {
namespace {

// The reports that the run of the checkpoint wrote and the resumed run `now` does not. They are not taken
// from the checkpoint, since their files may have moved.
std::vector<std::string> reports_left_out(const TrainingState& before, const TrainingState& now) {
  constexpr const char* kLeftOut = " was given before, and is not now";
  std::vector<std::string> left_out;
  if (before.validates && !now.validates) left_out.push_back(std::string("--val") + kLeftOut);
  if (before.logs && !now.logs) left_out.push_back(std::string("--log") + kLeftOut);
  return left_out;
}

// If no step is left, a changed option would not change the weights, only what they say about their training.
// Only the end of the run may then move.
void check_steps_left(std::uint64_t step, std::uint64_t total_steps,
                      const std::vector<ResumeDifference>& differences) {
  const auto change = std::ranges::find(differences, false, &ResumeDifference::moves_end);
  if (step == total_steps && change != differences.end()) {
    throw UsageError("the checkpoint is at step " + std::to_string(total_steps) +
                     ", the last: there is nothing left to train with " + change->text);
  }
}

}  // namespace

NetSpec read_net(const Options& options) {
  const std::string path = options.text("net");
  if (path.empty()) throw UsageError("--net=FILE is missing");
  return parse_net(read_text_file(path, kMaxNetBytes, Expected::net), display_name(path));
}

PreparedRun::PreparedRun(const Options& options, Device device)
    : options_(options), device_(std::move(device)) {
  const TrainingOptions* before = nullptr;
  const WeightsFile* file = nullptr;
  if (options.given("resume")) {
    resumed_.emplace(options.text("resume"));
    file = &resumed_->file;
    before = &resumed_->checkpoint.options;
  }
  training_ = training_options_from(options, before, device_);
  if (before != nullptr) differences_ = resume_differences(*before, training_);
  model_.net = file != nullptr && !options.given("net") ? file->model().net : read_net(options);
  mean_ = choose_mean(options.text("mean"), model_.net, file);
  model_.mean = mean_.values;
}

void PreparedRun::open(const std::vector<std::string>& shards, Rejects& rejects, Console& console) {
  data_.emplace(shards, rejects.on_damage());
  labels_ = check_training_set(*data_, model_.net, console);
  check_mean(mean_, options_.text("mean"), *data_, console);
  model_.dataset = data_->info();
  if (options_.given("val")) {
    validation_.emplace(options_.texts("val"), rejects.on_damage());
    check_labelled_set(*validation_, model_, "the training set", console);
  }
  state_ = {.records = data_->size(),
            .fingerprint = labels_.fingerprint,
            .validates = options_.given("val"),
            .logs = options_.given("log")};
  const std::uint64_t total_steps = training_.total_steps(data_->size());
  if (resumed_) {
    check_resumable();
    resume(total_steps, console);
  }
  console.note("seed " + std::to_string(training_.seed) + ", device " + device_.text() + ", precision " +
               std::string(element_name(training_.precision)) + ", threads " +
               std::to_string(training_.threads) + ", " + count_of(data_->size(), "image") + ", " +
               count_of(total_steps, "step") + " of " + std::to_string(training_.batch));
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
}

// Replaces the state of a new run by that of the checkpoint.
void PreparedRun::resume(std::uint64_t total_steps, Console& console) {
  const TrainingState& before = resumed_->checkpoint.state;
  check_steps_left(before.step, total_steps, differences_);
  std::vector<std::string> warnings;
  for (const ResumeDifference& difference : differences_) warnings.push_back(difference.text);
  for (std::string& report : reports_left_out(before, state_)) warnings.push_back(std::move(report));
  for (const std::string& warning : warnings) console.warn("resumed run: " + warning);
  if (before.step > total_steps) {
    throw UsageError("the checkpoint is at step " + std::to_string(before.step) + " already, beyond the " +
                     std::to_string(total_steps) + " asked for");
  }
  const TrainingState fresh = std::exchange(state_, before);
  state_.validates = fresh.validates;
  state_.logs = fresh.logs;
  console.note("resumed at step " + std::to_string(state_.step));
}

std::unique_ptr<CompiledNet> PreparedRun::compile(Console& console) {
  auto net = compile_net(model_.net, device_,
                         {.batch = training_.batch,
                          .mode = Mode::train,
                          .precision = training_.precision,
                          .seed = training_.seed,
                          .threads = training_.threads});
  for (const std::string& line : net->describe_primitives()) console.detail(line);
  if (resumed_) {
    load_parameters(resumed_->file, *net, true);
    resumed_.reset();
  } else {
    initialize_parameters(*net, training_.seed);
    net->set_mean(model_.mean);
  }
  return net;
}

std::optional<TrainingLog> PreparedRun::open_log() const {
  if (!options_.given("log")) return std::nullopt;
  return TrainingLog(options_.text("log"),
                     options_.given("resume") ? std::optional(state_.step) : std::nullopt);
}

RunInputs PreparedRun::inputs() const {
  return {.model = model_,
          .options = training_,
          .training = *data_,
          .labels = labels_,
          .validation = validation_ ? &*validation_ : nullptr};
}

}  // namespace convoy
