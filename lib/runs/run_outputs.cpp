#include "lib/runs/run_outputs.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "lib/base/count.h"
#include "lib/base/destination.h"
#include "lib/base/signals.h"
#include "lib/base/text.h"
#include "lib/runs/log_file.h"

namespace convoy {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Returns early if a signal comes that stops the run.
void pause() {
  constexpr int kSlices = 10;
  constexpr std::chrono::milliseconds kSlice{100};
  for (int i = 0; i < kSlices && SignalWatch::stop_signal() == 0; ++i) std::this_thread::sleep_for(kSlice);
}

std::string step_text(std::uint64_t step) { return "step " + std::to_string(step); }

}  // namespace

RunOutputs::RunOutputs(const CompiledNet& net, const RunInputs& inputs, const RunOptions& run,
                       std::optional<TrainingLog> log, Console& console)
    : net_(net), inputs_(inputs), run_(run), log_(std::move(log)), console_(console) {}

void RunOutputs::add(const LogRow& row) {
  log_->add(row);
  tell_of_log();
}

void RunOutputs::sync_log() {
  if (!log_) return;
  log_->sync();
  tell_of_log();
}

void RunOutputs::tell_of_log() {
  if (log_->failure() == log_failure_) return;
  log_failure_ = log_->failure();
  if (log_failure_.empty()) {
    console_.note(log_->name() + ": can be written again, and has all of its lines");
  } else {
    console_.warn(log_->name() + ": " + log_failure_ +
                  ": the run goes on, keeps the lines, and tries to write them with each further line and "
                  "checkpoint");
  }
}

std::string RunOutputs::try_checkpoint(const TrainingState& state) {
  std::string failure = failure_to_write([&] {
    save_checkpoint(run_.checkpoint, inputs_.model, inputs_.options, state, net_, inputs_.history);
  });
  last_try_ = Clock::now();
  if (!failure.empty()) return failure;
  last_save_ = last_try_;
  saved_step_ = state.step;
  return failure;
}

void RunOutputs::save_first(const TrainingState& state) {
  sync_log();
  save_checkpoint(run_.checkpoint, inputs_.model, inputs_.options, state, net_, inputs_.history);
  last_save_ = last_try_ = Clock::now();
  saved_step_ = state.step;
  console_.detail(step_text(state.step) + ": wrote " + run_.checkpoint);
}

bool RunOutputs::is_due(const TrainingState& state) const {
  if (run_.checkpoint.empty() || saved_step_ == state.step) return false;
  if (run_.checkpoint_every.due(state.step, static_cast<std::uint64_t>(inputs_.options.batch), state.records))
    return true;
  return checkpoint_failure_.empty() ? run_.checkpoint_every.due_after(seconds_since(last_save_))
                                     : seconds_since(last_try_) >= kCheckpointRetrySeconds;
}

void RunOutputs::save(const TrainingState& state, bool requested) {
  if (run_.checkpoint.empty()) {
    console_.warn("no checkpoint written: give --checkpoint=FILE");
    return;
  }
  sync_log();
  tell_of_checkpoint(try_checkpoint(state), state.step, requested);
}

void RunOutputs::tell_of_checkpoint(const std::string& failure, std::uint64_t step, bool requested) {
  const std::string before = std::exchange(checkpoint_failure_, failure);
  if (failure.empty()) {
    const std::string message = step_text(step) + ": wrote " + run_.checkpoint;
    requested || !before.empty() ? console_.note(message) : console_.detail(message);
    return;
  }
  if (failure == before && !requested) return;
  console_.warn(run_.checkpoint + ": " + failure + ": no checkpoint of " + step_text(step) +
                (saved_step_ ? ", the last is of " + step_text(*saved_step_) : "") +
                "; the run goes on, and tries again in a minute or when the next is due");
}

// What there is of a training whose last steps are not on disk.
std::string RunOutputs::rest(const TrainingState& state) const {
  const std::string lost = "the training after ";
  if (saved_step_ == state.step) return "--resume=" + run_.checkpoint + " writes them without another step";
  if (saved_step_) {
    return lost + step_text(*saved_step_) + " is lost; --resume=" + run_.checkpoint + " repeats it";
  }
  if (!run_.resumed_from.empty()) {
    return "the training of this run is lost; --resume=" + run_.resumed_from + " repeats it";
  }
  return "the training is lost";
}

bool RunOutputs::save_weights(const std::string& output, const TrainingState& state) {
  const std::string name = display_name(output, "stdout");
  const auto attempt = [&] {
    return failure_to_write(
        [&] { ::convoy::save_weights(output, inputs_.model, inputs_.options, net_, inputs_.history); });
  };
  const double patience = std::min(seconds_since(last_save_), kMaxWeightsRetrySeconds);
  const auto start = Clock::now();
  std::string told;
  while (true) {
    const std::string failure = attempt();
    if (failure.empty()) {
      if (!told.empty()) console_.note(name + ": written");
      return true;
    }
    if (!run_.checkpoint.empty() && saved_step_ != state.step) static_cast<void>(try_checkpoint(state));
    // What has gone into a stream cannot be written again.
    const bool ends = saved_step_ == state.step || !is_replaced(output) || seconds_since(start) >= patience ||
                      SignalWatch::stop_signal() != 0;
    if (ends) {
      console_.error(name + ": " + failure + ": the weights are not written: " + rest(state));
      return false;
    }
    if (failure != told) {
      console_.warn(name + ": " + failure +
                    format(": the weights are not written yet: trying again each second, for %.0f s at most "
                           "(SIGTERM ends that)",
                           std::max(patience, 1.0)));
      told = failure;
    }
    pause();
  }
}

bool RunOutputs::finish_log() {
  if (!log_) return true;
  const bool troubled = !log_failure_.empty();
  log_->sync();
  if (log_->failure().empty() && log_->missing() == 0) {
    if (troubled) tell_of_log();
    return true;
  }
  console_.error(log_->name() + ": " + (log_->failure().empty() ? "" : log_->failure() + ": ") + "lost " +
                 count_of(log_->missing(), "line") + " that could not be written");
  return false;
}

void RunOutputs::save_last(const TrainingState& state) {
  if (!run_.checkpoint_at_end || run_.checkpoint.empty() || saved_step_ == state.step) return;
  sync_log();
  const std::string failure = try_checkpoint(state);
  if (failure.empty()) tell_of_checkpoint(failure, state.step, false);
}

void RunOutputs::stop(const TrainingState& state) {
  const std::string stopped = "stopped at " + step_text(state.step);
  if (run_.checkpoint.empty()) console_.warn("no checkpoint written: give --checkpoint=FILE");
  std::string failure;
  if (!run_.checkpoint.empty() && saved_step_ != state.step) {
    if (log_) log_->sync();
    failure = try_checkpoint(state);
    if (failure.empty()) console_.detail(step_text(state.step) + ": wrote " + run_.checkpoint);
  }
  (void)finish_log();
  if (!failure.empty()) {
    console_.error(run_.checkpoint + ": " + failure + ": " + stopped + "; " + rest(state));
  } else if (saved_step_) {
    console_.note(stopped + "; --resume=" + run_.checkpoint + " goes on");
  }
}

bool RunOutputs::finish(const TrainingState& state) {
  bool whole = finish_log();
  if (checkpoint_failure_.empty() && !run_.checkpoint_at_end) return whole;
  if (run_.checkpoint.empty() || saved_step_ == state.step) return whole;
  const std::string failure = try_checkpoint(state);
  if (failure.empty()) {
    tell_of_checkpoint(failure, state.step, false);
  } else if (run_.checkpoint_at_end) {
    console_.error(run_.checkpoint + ": " + failure + ": no checkpoint of " + step_text(state.step));
    whole = false;
  } else {
    console_.warn(run_.checkpoint + ": " + failure + ": no checkpoint of the last steps");
  }
  return whole;
}

}  // namespace convoy
