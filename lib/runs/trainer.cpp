#include "lib/runs/trainer.h"

#include <array>
#include <string_view>
#include <utility>

#include "lib/base/count.h"
#include "lib/base/finite.h"
#include "lib/base/lines.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/runs/evaluator.h"

namespace convoy {
namespace {

Interval every_epoch() { return Interval::parse("1epoch", {}, false); }

Totals sum_over(Ranks& ranks, const Totals& mine) {
  std::array sums = {static_cast<double>(mine.images), static_cast<double>(mine.top1_wrong),
                     static_cast<double>(mine.top5_wrong), mine.loss_sum};
  ranks.sum(sums);
  return {.images = static_cast<std::uint64_t>(sums[0]),
          .top1_wrong = static_cast<std::uint64_t>(sums[1]),
          .top5_wrong = static_cast<std::uint64_t>(sums[2]),
          .loss_sum = sums[3]};
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TrainingStream stream_of(const RunInputs& inputs) {
  const TrainingPhases phases(inputs.options, inputs.model.net);
  return {.input = inputs.model.net.input,
          .crop = phases.all().front().options.crop,
          .crop_changes = phases.crop_changes(inputs.training.size()),
          .colors = inputs.model.colors.value_or(ColorStatistics{}),
          .seed = inputs.options.seed,
          .records = inputs.training.size(),
          .shuffle = inputs.options.shuffle,
          .batch = inputs.options.batch};
}

Trainer::Trainer(CompiledNet& net, const RunInputs& inputs, const RunOptions& run, const TrainingState& state,
                 std::optional<TrainingLog> log, Rejects& rejects, Console& console)
    : net_(net),
      inputs_(inputs),
      run_(run),
      total_steps_(inputs.options.total_steps(inputs.training.size())),
      solver_(net, inputs.options, state, inputs.parts, inputs.ranks),
      watch_(inputs.labels.chance_loss()),
      alarm_(inputs.model.net.classes()),
      outputs_(net, inputs_, run_, std::move(log), console),
      kept_(net, inputs_, run_, console),
      rejects_(rejects),
      console_(console) {}

int Trainer::run() {
  const auto batch = static_cast<std::uint64_t>(inputs_.options.batch);
  const std::uint64_t first = state().step;
  BatchLoader loader(
      inputs_.training, divided(training_samples(stream_of(inputs_), first), inputs_.parts),
      loading_threads(inputs_.training.info().codec, inputs_.options.threads, net_.overlaps_steps()));
  Progress progress(console_, total_steps_ * batch, "images");
  progress.update(first * batch);
  try {
    if (run_.keep == Keep::last || !kept_.agrees_with(state())) solver_.state().best = {};
    if (run_.checkpoint_at_start) outputs_.save_first(state());
    if (inputs_.validation == nullptr) solver_.state().validation_due = false;  // not given to a resumed run
    agree();
    if (state().validation_due) validate();
    while (!over() && stop_signal_ == 0) {
      tell_of_changes();
      train_step(loader);
      progress.update(solver_.seen(), format("loss %.4f epoch %.2f step %llu", last_loss_, solver_.epoch(),
                                             static_cast<unsigned long long>(state().step)));
      const bool last = state().step == total_steps_;
      const auto due = [&](const Interval& interval) {
        return last || interval.due(state().step, batch, state().records);
      };
      if (outputs_.logs() && due(run_.log_every)) log_training();
      const bool validated = inputs_.validation != nullptr && due(run_.validate_every);
      if (validated) validate();
      if (!validated) keep_weights(std::nullopt, false);
      kept_.retry();
      agree();
      save_if_due(std::exchange(checkpoint_requested_, false));
    }
    agree();
    finish_steps(0);
    if (alarm_.finish()) warn_of_high_loss();
    progress.finish();  // the messages that follow are about the whole run
    const bool complete = over() && !state().validation_due;
    const int signal = complete ? 0 : stop_signal_;
    if (signal != 0) {
      (void)kept_.finish();
      outputs_.stop(state());
    } else if (total_steps_ > 0) {
      outputs_.save_last(state());
    }
    return signal;
  } catch (const NotFiniteError& error) {
    (void)kept_.finish();
    throw Error(error.place(), error.reason() + advice());
  }
}

void Trainer::train_step(BatchLoader& loader) {
  for (int part = 0; part < inputs_.parts.count(); ++part) {
    const auto start = Clock::now();
    const Batch* batch = loader.next();
    times_.read_seconds += seconds_since(start);
    times_.images += batch->size();
    damage_.insert(damage_.end(), batch->damaged.begin(), batch->damaged.end());
    if (inputs_.ranks == nullptr) reject_damage();
    solver_.start(*batch);
    add_time_since(start);
    finish_steps(net_.overlaps_steps() ? 1 : 0);
  }
  ++times_.steps;
}

void Trainer::add_time_since(Clock::time_point start) {
  const double seconds = seconds_since(start);
  logged_seconds_ += seconds;
  times_.seconds += seconds;
}

StepTimes Trainer::times() const {
  StepTimes times = times_;
  times.layers = time_between(validating_, net_.times());
  return times;
}

void Trainer::finish_steps(std::size_t left) {
  while (solver_.started() > left) {
    const auto start = Clock::now();
    const std::optional<Solver::StepResult> step = solver_.finish();
    add_time_since(start);
    if (step && step->images > 0) {
      last_loss_ = step->result.loss_sum / static_cast<double>(step->images);
      if (watch_.add(last_loss_)) warn_of_loss();
      if (alarm_.add(last_loss_)) warn_of_high_loss();
    }
    if (row_ && row_->step == state().step - solver_.started_steps()) write_row();
  }
}

void Trainer::warn_of_loss() {
  console_.warn(format("step %llu: the loss over the last %llu steps is %.4f, no better than guessing (%.4f)",
                       static_cast<unsigned long long>(state().step),
                       static_cast<unsigned long long>(LossWatch::kWindow), watch_.window_loss(),
                       watch_.chance_loss()));
  console_.warn(
      "try another --lr (ten times more, or less), larger init= values in the net, and check the labels "
      "(shardpack --list) and the mean (meanimg --png)");
}

void Trainer::warn_of_high_loss() {
  console_.warn(
      "step " + std::to_string(state().step - solver_.started_steps()) + ": the loss over " +
      count_of(alarm_.training_steps(), "step") +
      format(" is %.4f, far above guessing (ln %d = %.4f): try a smaller --lr than %g or smaller init= "
             "values in the net, and check the mean",
             alarm_.training_loss(), inputs_.model.net.classes(), alarm_.guessing(),
             (phase_ == nullptr ? inputs_.options : phase_->options).learning_rate));
}

void Trainer::warn_of_high_validation_loss(double loss) {
  console_.warn(
      "step " + std::to_string(state().step) +
      format(": the validation loss is %.4f, far above guessing (ln %d = %.4f), and the training loss "
             "%.4f: the labels or the preparation of the validation set differ from those of the training "
             "set, the net has overfitted, or --lr is too large",
             loss, inputs_.model.net.classes(), alarm_.guessing(), last_loss_));
}

// Does not wait for the step's result: a device that overlaps steps would have nothing to do meanwhile.
void Trainer::log_training() {
  row_ = {.step = state().step,
          .epoch = solver_.epoch(),
          .set = "train",
          .totals = {},
          .learning_rate = solver_.learning_rate(),
          .seconds = 0.0};
  if (solver_.started_steps() == 0) write_row();
}

void Trainer::write_row() {
  row_->totals = state().logged;
  row_->seconds = logged_seconds_;
  outputs_.add(*row_);
  row_.reset();
  solver_.state().logged = {};
  logged_seconds_ = 0.0;
}

void Trainer::validate() {
  finish_steps(0);
  const auto start = Clock::now();
  const std::vector<LayerTime> trained = times().layers;
  EvaluationHooks hooks;
  hooks.damaged = [this](const Damage& damage) {
    damage_.push_back(damage);
    if (inputs_.ranks == nullptr) reject_damage();
  };
  hooks.progress = [](const Totals&) { return SignalWatch::stop_signal() == 0; };
  Ensemble alone({{.net = net_}});
  EvaluationOptions how{.batch = net_.batch(), .threads = inputs_.options.threads};
  if (inputs_.ranks != nullptr) {
    how.share = inputs_.ranks->rank();
    how.shares = inputs_.ranks->size();
  }
  Totals totals = evaluate(alone, *inputs_.validation, how, hooks).totals();
  validating_ = time_between(trained, net_.times());
  agree();
  solver_.state().validation_due = stop_signal_ != 0;
  if (state().validation_due) return;
  if (inputs_.ranks != nullptr) totals = sum_over(*inputs_.ranks, totals);
  console_.note(format("step %llu epoch %.2f validation: loss %.4f, top-1 error %.2f %%, top-5 error %.2f %%",
                       static_cast<unsigned long long>(state().step), solver_.epoch(), totals.loss(),
                       100 * totals.top1_error(), 100 * totals.top5_error()));
  if (alarm_.add_validation(totals.loss())) warn_of_high_validation_loss(totals.loss());
  if (outputs_.logs()) {
    outputs_.add({.step = state().step,
                  .epoch = solver_.epoch(),
                  .set = "val",
                  .totals = totals,
                  .learning_rate = solver_.learning_rate(),
                  .seconds = seconds_since(start)});
  }
  judge_validation(totals);
}

void Trainer::judge_validation(const Totals& totals) {
  std::optional<double> error;
  bool best = false;
  if (totals.images > 0) {
    error = totals.top1_error();
    // The validation at the end of a run would not be there in a longer run, which must do the same.
    if (validation_is_regular()) {
      ask_plateau(*error);
      ask_patience(*error);
      // What has not been logged; before the checkpoint, so that a resumed run does not log it again.
      if (stops_early() && outputs_.logs() && state().logged.images > 0) log_training();
    }
    best = run_.keep != Keep::last && (!state().best.error || *error < *state().best.error);
    if (best) solver_.state().best = {error, state().step};
  }
  keep_weights(error, best);
}

// The checkpoint first: it has to know of the best weights if the run is ended before they are written, and
// must not be older than they are, since the run may be resumed with other options.
void Trainer::keep_weights(const std::optional<double>& error, bool best) {
  const bool epoch =
      run_.keep == Keep::all &&
      every_epoch().due(state().step, static_cast<std::uint64_t>(inputs_.options.batch), state().records);
  if (!best && !epoch) return;
  finish_steps(0);
  if (epoch) kept_.keep_epoch(state(), error);
  if (!best) return;
  if (outputs_.writes_checkpoints()) outputs_.save(state(), false);
  kept_.keep_best(state());
}

void Trainer::ask_patience(double error) {
  PlateauState& patience = solver_.state().patience;
  const auto& early_stop = inputs_.options.early_stop;
  if (!early_stop) {
    patience = {};
    return;
  }
  (void)patience.add(error, {.factor = 1, .patience = *early_stop, .times = 0});
  if (!stops_early()) return;
  console_.note("step " + std::to_string(state().step) +
                format(": no top-1 error smaller than %.2f %% in ", 100 * *patience.best) +
                count_of(*early_stop, "validation") + ": the run stops early");
}

void Trainer::tell_of_changes() {
  const TrainingPhase& phase = solver_.phases().at(solver_.seen(), state().records);
  if (phase_ != nullptr && phase_ != &phase) {
    console_.note("step " + std::to_string(state().step) + format(", epoch %g: ", phase.epoch) +
                  phase.changes);
  }
  phase_ = &phase;
}

bool Trainer::validation_is_regular() const {
  return run_.validate_every.due(state().step, static_cast<std::uint64_t>(inputs_.options.batch),
                                 state().records);
}

void Trainer::ask_plateau(double error) {
  const auto& rule = inputs_.options.schedule.plateau();
  PlateauState& plateau = solver_.state().plateau;
  if (!rule) {
    plateau = {};
  } else if (plateau.add(error, *rule)) {
    console_.note("step " + std::to_string(state().step) + ": no smaller top-1 error in " +
                  count_of(rule->patience, "validation") +
                  format(": the learning rate is multiplied by %g, drop %llu of %llu", rule->factor,
                         static_cast<unsigned long long>(plateau.drops),
                         static_cast<unsigned long long>(rule->times)));
  }
}

void Trainer::save_if_due(bool requested) {
  if (!requested && !outputs_.is_due(state())) return;
  finish_steps(0);
  outputs_.save(state(), requested);
}

void Trainer::agree() {
  std::array<std::int64_t, 3> asked = {SignalWatch::stop_signal(),
                                       SignalWatch::take_checkpoint_request() ? 1 : 0, std::ssize(damage_)};
  if (inputs_.ranks != nullptr) inputs_.ranks->largest(asked);
  stop_signal_ = static_cast<int>(asked[0]);
  checkpoint_requested_ = checkpoint_requested_ || asked[1] != 0;
  if (asked[2] > 0) reject_damage();
}

// Every rank rejects what any has met, so that all come to the same end.
void Trainer::reject_damage() {
  const std::vector<Damage> ours = std::exchange(damage_, {});
  if (inputs_.ranks == nullptr) {
    for (const Damage& damage : ours) reject(damage.where(), damage.reason, damage.loss);
    return;
  }
  std::string text;
  for (const Damage& damage : ours) {
    for (const std::string& field : {damage.where(), damage.reason, std::to_string(damage.loss.records),
                                     std::string(damage.loss.more ? "1" : "0")}) {
      text += field;
      text += '\0';
    }
  }
  for (const std::string& some : inputs_.ranks->gather_texts(text)) {
    std::vector<std::string> fields;
    for_each_line(some, '\0', [&](std::string_view field, std::uint64_t) { fields.emplace_back(field); });
    constexpr std::size_t kFields = 4;
    for (std::size_t i = 0; i + kFields <= fields.size(); i += kFields) {
      reject(fields[i], fields[i + 1], {.records = std::stoull(fields[i + 2]), .more = fields[i + 3] == "1"});
    }
  }
}

// The list of the rejects is no reason to end a training either.
void Trainer::reject(const std::string& place, const std::string& reason, const Loss& loss) {
  try {
    rejects_.add(place, reason, loss);
  } catch (const OutputError& error) {
    if (!std::exchange(lost_rejects_, true)) console_.warn(std::string(error.what()) + ": the run goes on");
  }
}

bool Trainer::save_weights(const std::string& output) {
  const bool written = outputs_.save_weights(output, state());
  const bool kept = kept_.finish();
  return outputs_.finish(state()) && written && kept;
}

std::string Trainer::advice() const {
  std::string text = format("; try a smaller --lr than %g", inputs_.options.learning_rate);
  if (const auto saved = outputs_.saved_step()) {
    text += " with --resume=" + run_.checkpoint + ", which holds step " + std::to_string(*saved);
  } else if (!run_.resumed_from.empty()) {
    text += " with --resume=" + run_.resumed_from;
  } else {
    text += ", or smaller init= values in the net, and check the mean";
  }
  return text;
}

}  // namespace convoy
