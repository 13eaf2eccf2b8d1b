// train: shards, mean and net -> weights.
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "kernels/element.h"
#include "lib/base/count.h"
#include "lib/base/file.h"
#include "lib/base/processors.h"
#include "lib/base/signals.h"
#include "lib/base/tool.h"
#include "lib/net/describe.h"
#include "lib/net/profile.h"
#include "lib/ranks/ranks.h"
#include "lib/ranks/together.h"
#include "lib/runs/precision_option.h"
#include "lib/runs/preparation.h"
#include "lib/runs/trainer.h"

namespace convoy {
namespace {

const ToolInfo kInfo{.name = "train",
                     .usage =
                         "--net=FILE --mean=FILE [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                         "--resume=CHECKPOINT [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                         "--describe --net=FILE",
                     .summary = "Trains a net on labelled shards and writes its weights.",
                     .exclusive = {{"epochs", "steps"}, {"resume", "overwrite"}},
                     .ranks = ranks_library};
constexpr SharedOptions kShared{
    .output = true, .files_from = true, .threads = true, .seed = true, .device = true};

constexpr auto kLeadersTurn = std::chrono::milliseconds(500);

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("net", input_option("FILE"), "the net, see convoy-net(5)");
  add("mean", input_option("FILE", {.word = "none"}), "mean image that meanimg wrote, or none");
  add("init-from", input_option("WEIGHTS"), "begin with the layers of WEIGHTS that fit by name and shape");
  add("val", inputs_option("SHARD"), "validate on SHARD; may be given several times");
  add_training_options(options);
  add_precision_option(options);
  add("resume", input_option("CHECKPOINT", {.word = "auto", .replaced_by = "checkpoint"}),
      "go on where CHECKPOINT was written; auto: from the run's own checkpoint if it is there and fits, else "
      "start anew");
  add("overwrite", po::bool_switch(), "start anew, and replace checkpoint and log of an earlier run");
  add("checkpoint", output_option("FILE"), "where to write checkpoints (default: named after the output)");
  add("checkpoint-every", text_option("N", "10minutes"), "Nsteps, Nepochs, Nminutes or never");
  add("keep", text_option("WHICH", "last"),
      "last, best or all: the weights to write besides, of the best validation, of each epoch");
  add("val-every", text_option("N", "1epoch"), "Nsteps, Nepochs or never (then only at the end)");
  add("log", output_option("FILE"), "write losses and errors as TSV");
  add("log-every", text_option("N", "20steps"), "Nsteps, Nepochs or never (then only at the end)");
  add_rejects_options(options, {.placeholder = "WHAT",
                                .on_error = "skip or stop: what to do about damaged records",
                                .rejects = "write place and reason of every record left out to FILE"});
  add("dump-augmented", text_option("DIR[:N]"),
      "before the first step, write the next N images (64) as the net sees them into DIR, as PNG");
  add("profile", po::bool_switch(), "at the end, say where the time went, by phase and layer");
  add("describe", po::bool_switch(), "show the net's layers, shapes and costs, and exit");
}

int describe(const Options& options) {
  OutputFile out(options.text("output"), OutputFile::Content::text);
  out.write(describe_net(read_net(options), training_options_from(options, nullptr, {}).batch));
  out.commit();
  return kStatusDone;
}

// Writes to standard error, since the weights may go to standard output; with -q too, since the user asked
// for it.
void show_profile(const CompiledNet& net, const TrainingOptions& training, const Trainer& trainer) {
  const std::string table =
      profile_table(net.net(), training.batch, element_bytes(training.precision), trainer.times());
  (void)std::fwrite(table.data(), 1, table.size(), stderr);
}

// Returns whether the list of the rejects is on disk; a training is not thrown away for its sake.
bool list_rejects(Rejects& rejects, Console& console) {
  try {
    rejects.commit();
    return true;
  } catch (const OutputError& error) {
    console.error(error.what());
    return false;
  }
}

int train(const Options& options, Together& together, Console& console) {
  Ranks& ranks = together.ranks();
  const RunFiles files = RunFiles::of(options);
  const SignalWatch signals(SignalWatch::Stops::at_once);  // SIGUSR1 may come before there is a step to save
  Preparation made;
  together.all([&] { prepare(options, files, ranks, console, made); });
  together.same([&] { return made.run->identity(); },
                "works on another net or training set, or with other options");
  PreparedRun& prepared = *made.run;
  Rejects& rejects = *made.rejects;
  RunOptions& reports = made.reports;
  const RunStart start = prepared.start();
  SignalWatch::note_stops();  // until the weights are saved
  std::optional<TrainingLog> log;
  together.all([&] {
    if (!ranks.leads()) return;
    if (made.dump) made.dump->write(prepared.inputs(), start.step, options.memory_limit(), rejects, console);
    clear_earlier_run(files, start, console);
    auto opened = prepared.open_log();
    if (opened) log.emplace(std::move(*opened));
  });
  if (!start.resumed) reports.resumed_from.clear();
  reports.checkpoint_at_start =
      ranks.leads() && files.beginning == Beginning::resumed_if_fits && !start.resumed;
  Trainer trainer(*made.net, prepared.inputs(), reports, prepared.state(), std::move(log), rejects, console);
  const int signal = trainer.run();
  if (options.flag("profile") && ranks.leads()) show_profile(*made.net, prepared.training(), trainer);
  bool whole = list_rejects(rejects, console) && !trainer.lost_rejects();
  if (signal != 0) return kStatusSignal + signal;
  const StepTimes times = trainer.times();
  const bool trained = times.steps == 0 || times.images > 0;
  const std::uint64_t used = trained ? made.records - rejects.count() : 0;
  rejects.conclude(used, "record");
  if (ranks.leads()) whole = trainer.save_weights(options.text("output")) && whole;
  if (!whole) {
    const int stopped = SignalWatch::stop_signal();
    return stopped != 0 ? kStatusSignal + stopped : kStatusFailure;
  }
  console.note(rejects.beside(count_of(used, "record")));
  return rejects.status();
}

// The others are silent, unless one fails alone: it ends all.
int train_with_others(const Options& options, Together& together, Console& console) {
  Ranks& ranks = together.ranks();
  const Console::Verbosity before = console.verbosity();
  if (!ranks.leads()) console.set_verbosity(Console::Verbosity::silent);
  try {
    const int status = train(options, together, console);
    ranks.meet();  // a launcher may end the others as soon as one ends with another status than 0
    return status;
  } catch (const std::exception& error) {
    // What the leader says about a failure of all comes first.
    if (!ranks.leads()) std::this_thread::sleep_for(kLeadersTurn);
    if (together.failed()) throw;
    console.set_verbosity(before);
    console.error((ranks.leads() ? "" : "rank " + std::to_string(ranks.rank()) + ": ") + error.what());
    ranks.end_all(kStatusFailure);
  }
}

int run(const Options& options, Console& console) {
  if (options.flag("describe")) return describe(options);
  const std::unique_ptr<Ranks> ranks = join_ranks();
  Together together(*ranks);
  return ranks->size() > 1 ? train_with_others(options, together, console)
                           : train(options, together, console);
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  convoy::let_idle_threads_sleep(argv);
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
