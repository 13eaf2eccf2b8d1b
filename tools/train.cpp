// train: shards, mean and net -> weights.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "kernels/element.h"
#include "lib/base/count.h"
#include "lib/base/destination.h"
#include "lib/base/file.h"
#include "lib/base/processors.h"
#include "lib/base/signals.h"
#include "lib/base/tool.h"
#include "lib/net/describe.h"
#include "lib/net/device.h"
#include "lib/net/profile.h"
#include "lib/runs/augmented_dump.h"
#include "lib/runs/earlier_run.h"
#include "lib/runs/kept_weights.h"
#include "lib/runs/precision_option.h"
#include "lib/runs/prepared_run.h"
#include "lib/runs/run_files.h"
#include "lib/runs/trainer.h"

namespace convoy {
namespace {

const ToolInfo kInfo{.name = "train",
                     .usage =
                         "--net=FILE --mean=FILE [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                         "--resume=CHECKPOINT [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                         "--describe --net=FILE",
                     .summary = "Trains a net on labelled shards and writes its weights.",
                     .exclusive = {{"epochs", "steps"}, {"resume", "overwrite"}}};
constexpr SharedOptions kShared{
    .output = true, .files_from = true, .threads = true, .seed = true, .device = true};

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

RunOptions run_options(const Options& options, const RunFiles& files) {
  RunOptions run;
  run.keep = keep_from(options);
  run.output = options.text("output");
  run.checkpoint = files.checkpoint;
  run.resumed_from = files.resumed_from;
  run.checkpoint_every = Interval::parse(options.text("checkpoint-every"), "--checkpoint-every", true);
  run.validate_every = Interval::parse(options.text("val-every"), "--val-every", false);
  run.log_every = Interval::parse(options.text("log-every"), "--log-every", false);
  run.checkpoint_at_end = options.given("checkpoint") || options.given("checkpoint-every") ||
                          files.beginning == Beginning::resumed_if_fits;
  return run;
}

std::vector<GivenInterval> given_intervals(const Options& options, const RunOptions& run) {
  std::vector<GivenInterval> given;
  if (options.given("checkpoint-every")) given.emplace_back("--checkpoint-every", run.checkpoint_every);
  if (options.given("val-every")) given.emplace_back("--val-every", run.validate_every);
  if (options.given("log-every")) given.emplace_back("--log-every", run.log_every);
  return given;
}

void check_files(const Options& options, const std::vector<std::string>& shards, const RunFiles& files) {
  check_outputs(options.outputs(), shards);
  check_kept_weights(options, shards);
  if (files.checkpoint.empty()) return;
  options.check_output("checkpoint", files.checkpoint);  // if it is named after the output
  check_outputs({{"--checkpoint", files.checkpoint}}, shards);
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

int run(const Options& options, Console& console) {
  if (options.flag("describe")) return describe(options);
  const Device device = choose_device(options.text("device"));
  const RejectRules reject_rules = options.reject_rules();
  const RunFiles files = RunFiles::of(options);
  RunOptions reports = run_options(options, files);
  const std::vector<std::string> shards = options.inputs();
  check_files(options, shards, files);
  const std::array held = {hold_output(options.text("output"), OutputFile::Content::binary),
                           hold_output(files.checkpoint, OutputFile::Content::binary),
                           hold_output(files.log, OutputFile::Content::text),
                           hold_output(reports.keep == Keep::last ? "" : best_weights_file(reports.output),
                                       OutputFile::Content::binary)};
  check_earlier_run(files);
  auto dump = AugmentedDump::asked_for(options, files.beginning);
  PreparedRun prepared(options, device, files);

  const SignalWatch signals(SignalWatch::Stops::at_once);  // SIGUSR1 may come before there is a step to save
  Rejects rejects(reject_rules, console, Rejects::Repeats::ignored);
  prepared.open(shards, rejects, console);
  const std::uint64_t records = prepared.records() + rejects.count();
  rejects.expect(records);
  if (reports.checkpoint.empty() && options.text("checkpoint-every") != "never") {
    console.note("the weights go to " + display_name(options.text("output"), "standard output") +
                 ": no checkpoints without --checkpoint=FILE");
  }
  prepared.doubt(given_intervals(options, reports), console);
  const auto net = prepared.compile(console);
  const RunStart start = prepared.start();
  SignalWatch::note_stops();  // until the weights are saved
  if (dump) dump->write(prepared.inputs(), start.step, options.memory_limit(), rejects, console);
  clear_earlier_run(files, start, console);
  if (!start.resumed) reports.resumed_from.clear();
  reports.checkpoint_at_start = files.beginning == Beginning::resumed_if_fits && !start.resumed;
  Trainer trainer(*net, prepared.inputs(), reports, prepared.state(), prepared.open_log(), rejects, console);
  const int signal = trainer.run();
  if (options.flag("profile")) show_profile(*net, prepared.training(), trainer);
  bool whole = list_rejects(rejects, console) && !trainer.lost_rejects();
  if (signal != 0) return kStatusSignal + signal;
  const StepTimes times = trainer.times();
  const bool trained = times.steps == 0 || times.images > 0;
  const std::uint64_t used = trained ? records - rejects.count() : 0;
  rejects.conclude(used, "record");
  whole = trainer.save_weights(options.text("output")) && whole;
  if (!whole) {
    const int stopped = SignalWatch::stop_signal();
    return stopped != 0 ? kStatusSignal + stopped : kStatusFailure;
  }
  console.note(rejects.beside(count_of(used, "record")));
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  convoy::let_idle_threads_sleep(argv);
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
