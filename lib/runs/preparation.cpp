#include "lib/runs/preparation.h"

#include <string>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/file.h"
#include "lib/net/device.h"
#include "lib/runs/interval.h"
#include "lib/runs/kept_weights.h"
#include "lib/runs/run_files.h"

namespace convoy {
namespace {

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

// One rank reports and saves.
void speak_for_all(const Options& options, const RunFiles& files, RunOptions& reports, Preparation& made) {
  for (const auto& [output, content] :
       {std::pair{options.text("output"), OutputFile::Content::binary},
        std::pair{files.checkpoint, OutputFile::Content::binary},
        std::pair{files.log, OutputFile::Content::text},
        std::pair{reports.keep == Keep::last ? "" : best_weights_file(reports.output),
                  OutputFile::Content::binary}}) {
    made.held.push_back(hold_output(output, content));
  }
  check_earlier_run(files);
  made.dump = AugmentedDump::asked_for(options, files.beginning);
}

}  // namespace

void prepare(const Options& options, const RunFiles& files, Ranks& ranks, Console& console,
             Preparation& made) {
  const Device device = choose_device(options.text("device"));
  RejectRules reject_rules = options.reject_rules();
  made.reports = run_options(options, files);
  const std::vector<std::string> shards = options.inputs();
  check_files(options, shards, files);
  if (ranks.leads()) {
    speak_for_all(options, files, made.reports, made);
  } else {
    made.reports.keep = Keep::last;
    made.reports.output.clear();
    made.reports.checkpoint.clear();
    made.reports.checkpoint_at_end = false;
    reject_rules.list.clear();
  }
  made.run.emplace(options, device, files, ranks);
  made.rejects.emplace(reject_rules, console, Rejects::Repeats::ignored);
  made.run->open(shards, *made.rejects, console);
  made.records = made.run->records() + made.rejects->count();
  made.rejects->expect(made.records);
  if (made.reports.checkpoint.empty() && options.text("checkpoint-every") != "never") {
    console.note("the weights go to " + display_name(options.text("output"), "standard output") +
                 ": no checkpoints without --checkpoint=FILE");
  }
  made.run->doubt(given_intervals(options, made.reports), console);
  made.net = made.run->compile(console);
}

}  // namespace convoy
