#include "lib/runs/kept_weights.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "lib/base/count.h"
#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/json.h"
#include "lib/base/text.h"
#include "lib/runs/log_file.h"
#include "lib/runs/run_files.h"

namespace convoy {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBest = ".best";
constexpr std::string_view kEpoch = ".epoch-";
constexpr int kEpochDigits = 3;  // at least

std::string kept_text(const KeptStep& kept) {
  nlohmann::json value = {{"step", kept.step}, {"epoch", kept.epoch}};
  if (kept.top1_error) value["top1_error"] = *kept.top1_error;
  return json_text(value);
}

std::string step_text(std::uint64_t step) { return "step " + std::to_string(step); }

}  // namespace

Keep keep_from(const Options& options) {
  constexpr std::array kKeeps = {Keep::last, Keep::best, Keep::all};
  return kKeeps.at(options.choice("keep", {"last", "best", "all"}));
}

std::string best_weights_file(const std::string& output) { return file_beside(output, kBest); }

std::string epoch_weights_file(const std::string& output, std::uint64_t epoch) {
  std::string number = std::to_string(epoch);
  if (number.size() < kEpochDigits) number.insert(0, kEpochDigits - number.size(), '0');
  return file_beside(output, std::string(kEpoch) + number);
}

std::vector<std::string> find_kept_weights(const std::string& output, Keep keep) {
  std::vector<std::string> found;
  const fs::path best = best_weights_file(output);
  if (keep == Keep::last || best.empty()) return found;
  std::error_code failure;
  if (fs::exists(best, failure)) found.push_back(best);
  if (keep != Keep::all) return found;
  // "w.best.safetensors" is "w", ".best" and ".safetensors".
  const std::string name = best.filename();
  const std::size_t at = name.rfind(kBest);
  const std::string begin = name.substr(0, at) + std::string(kEpoch);
  const std::string end = name.substr(at + kBest.size());
  const fs::path folder = best.has_parent_path() ? best.parent_path() : fs::path(".");
  const std::size_t first = found.size();
  for (fs::directory_iterator entry(folder, failure); !failure && entry != fs::directory_iterator();
       entry.increment(failure)) {
    const std::string one = entry->path().filename();
    if (one.size() <= begin.size() + end.size() || !one.starts_with(begin) || !one.ends_with(end)) continue;
    const std::string number = one.substr(begin.size(), one.size() - begin.size() - end.size());
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    found.push_back(best.has_parent_path() ? (best.parent_path() / one).string() : one);
  }
  throw_system_failure(folder.string(), failure);
  std::sort(found.begin() + static_cast<std::ptrdiff_t>(first), found.end());
  return found;
}

void check_kept_weights(const Options& options, const std::vector<std::string>& shards) {
  const Keep keep = keep_from(options);
  if (keep == Keep::last) return;
  const std::string output = options.text("output");
  const std::string best = best_weights_file(output);
  if (best.empty()) throw UsageError("--keep", "its files are named after --output, which is no file");
  std::vector<std::string> files = find_kept_weights(output, keep);
  files.push_back(best);
  for (const std::string& path : files) {
    options.check_output("keep", path);
    check_outputs({{"--keep", path}}, shards);
  }
}

KeptStep read_kept_step(const WeightsFile& file) {
  const auto text = file.metadata(kMetaKept);
  if (!text) throw Error(file.name(), "holds no weights that --keep wrote");
  const std::string place = file.name() + ": " + kMetaKept;
  const nlohmann::json value = parse_json(*text, place);
  const JsonObject object(value, "kept weights", place);
  object.check_keys({"step", "epoch"}, {"top1_error"});
  KeptStep kept{.step = object.count("step"), .epoch = object.real("epoch"), .top1_error = {}};
  if (object.has("top1_error")) kept.top1_error = object.real("top1_error");
  return kept;
}

std::uint64_t KeptWeights::most_copies(Keep keep) {
  return keep == Keep::last ? 0 : keep == Keep::best ? 1 : 2;
}

KeptStep KeptWeights::kept_step(const TrainingState& state, std::optional<double> top1_error) const {
  const double seen = static_cast<double>(state.step) * inputs_.options.batch;
  return {.step = state.step, .epoch = seen / static_cast<double>(state.records), .top1_error = top1_error};
}

bool KeptWeights::agrees_with(const TrainingState& state) {
  if (!state.best.error) return true;
  const std::string path = best_weights_file(run_.output);
  std::string reason;
  try {
    const KeptStep kept = read_kept_step(WeightsFile(path));
    if (kept.step == state.best.step && kept.top1_error == state.best.error) return true;
    reason = "holds " + step_text(kept.step);
  } catch (const Error& error) {
    reason = error.reason();
  }
  if (state.step == state.best.step) {
    keep_best(state);
    return true;
  }
  console_.warn(path + ": does not hold the best weights so far, which were those of " +
                step_text(state.best.step) + ": " + reason + ": the best from here on will replace it");
  return false;
}

void KeptWeights::keep_best(const TrainingState& state) {
  keep(best_, best_weights_file(run_.output), kept_step(state, state.best.error));
}

void KeptWeights::keep_epoch(const TrainingState& state, std::optional<double> top1_error) {
  const std::uint64_t seen = state.step * static_cast<std::uint64_t>(inputs_.options.batch);
  if (epoch_ && !try_to_write(epoch_)) ++lost_;
  keep(epoch_, epoch_weights_file(run_.output, seen / state.records), kept_step(state, top1_error));
}

void KeptWeights::keep(std::optional<Pending>& pending, const std::string& path, const KeptStep& kept) {
  const std::string told = pending ? pending->failure : std::string();
  pending.reset();  // frees its memory first
  pending.emplace(Pending{.path = path,
                          .step = kept.step,
                          .content = weights_of(inputs_.model, inputs_.options, net_, inputs_.history),
                          .failure = told});
  pending->content.metadata[kMetaKept] = kept_text(kept);
  (void)try_to_write(pending);
}

bool KeptWeights::try_to_write(std::optional<Pending>& pending) {
  if (!pending) return true;
  last_try_ = Clock::now();
  const std::string failure = failure_to_write([&] { write_weights(pending->path, pending->content); });
  const std::string message = step_text(pending->step) + ": wrote " + pending->path;
  const std::string told = std::exchange(pending->failure, failure);
  if (failure.empty()) {
    told.empty() ? console_.detail(message) : console_.note(message);
    pending.reset();
    return true;
  }
  if (failure != told) {
    console_.warn(pending->path + ": " + failure + ": the weights of " + step_text(pending->step) +
                  " are not written yet; the run goes on, keeps them in memory, and tries again each minute");
  }
  return false;
}

void KeptWeights::retry() {
  if (!best_ && !epoch_) return;
  if (std::chrono::duration<double>(Clock::now() - last_try_).count() < kCheckpointRetrySeconds) return;
  (void)try_to_write(best_);
  (void)try_to_write(epoch_);
}

bool KeptWeights::finish() {
  bool whole = lost_ == 0;
  for (std::optional<Pending>* const pending : {&best_, &epoch_}) {
    if (try_to_write(*pending)) continue;
    console_.error((*pending)->path + ": " + (*pending)->failure + ": the weights of " +
                   step_text((*pending)->step) + " are lost");
    whole = false;
  }
  if (lost_ > 0) {
    console_.error("lost the weights of " + count_of(lost_, "epoch") + " that could not be written");
  }
  return whole;
}

}  // namespace convoy
