// train: shards, mean and net -> weights.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/net.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/signals.h"
#include "lib/base/tool.h"
#include "lib/net/describe.h"
#include "lib/net/device.h"
#include "lib/net/init.h"
#include "lib/net/profile.h"
#include "lib/runs/checkpoint.h"
#include "lib/runs/run_setup.h"
#include "lib/runs/trainer.h"

namespace convoy {
namespace {

void declare(po::options_description& options) {
  const TrainingOptions standard;
  const auto of_run = [&standard](const char* placeholder, const char* name) {
    return text_option(placeholder, standard.text(name));
  };
  auto add = options.add_options();
  add("net", text_option("FILE"), "the net, see convoy-net(5)");
  add("mean", text_option("FILE"), "mean image that meanimg wrote, or none");
  add("val", texts_option("SHARD"), "validate on SHARD; may be given several times");
  add("batch", of_run("N", "batch"), "images a step");
  add("epochs", of_run("N", "epochs"), "how often to see every image");
  add("steps", text_option("N"), "steps in all, instead of --epochs");
  add("lr", of_run("RATE", "lr"), "learning rate");
  add("momentum", of_run("M", "momentum"), "share of the last update in the next");
  add("weight-decay", of_run("D", "weight-decay"), "pull of the weights towards zero");
  add("lr-policy", of_run("POLICY", "lr-policy"), "fixed, or step:FACTOR@EPOCH[,EPOCH]...");
  add("crop", of_run("WHERE", "crop"), "random or center");
  add("flip", of_run("ON", "flip"), "on or off: random reflections");
  add("order", of_run("ORDER", "order"), "shuffle or sequential");
  add("precision", text_option("TYPE", "auto"), "fp32, bf16, or auto: bf16 on a GPU, fp32 on a CPU");
  add("resume", text_option("CHECKPOINT"), "go on where CHECKPOINT was written");
  add("checkpoint", text_option("FILE"), "where to write checkpoints (default: named after the output)");
  add("checkpoint-every", text_option("N", "10minutes"), "Nsteps, Nepochs, Nminutes or never");
  add("val-every", text_option("N", "1epoch"), "Nsteps, Nepochs or never (then only at the end)");
  add("log", text_option("FILE"), "write losses and errors as TSV");
  add("log-every", text_option("N", "20steps"), "Nsteps, Nepochs or never (then only at the end)");
  add("on-error", text_option("WHAT", "skip"), "skip or stop: what to do about damaged records");
  add("rejects", text_option("FILE"), "write place and reason of every record left out to FILE");
  add("profile", po::bool_switch(), "at the end, say where the time went, by phase and layer");
  add("describe", po::bool_switch(), "show the net's layers, shapes and costs, and exit");
}

RunOptions run_options(const Options& options) {
  RunOptions run;
  run.resumed_from = options.text("resume");
  run.checkpoint_every = Interval::parse(options.text("checkpoint-every"), "--checkpoint-every", true);
  run.validate_every = Interval::parse(options.text("val-every"), "--val-every", false);
  run.log_every = Interval::parse(options.text("log-every"), "--log-every", false);
  run.checkpoint_at_end = options.given("checkpoint") || options.given("checkpoint-every");
  if (options.given("checkpoint")) {
    run.checkpoint = options.text("checkpoint");
  } else {
    run.checkpoint = options.given("resume") ? run.resumed_from : default_checkpoint(options.text("output"));
  }
  return run;
}

NetSpec read_net(const Options& options, const std::optional<WeightsFile>& resumed) {
  if (!options.given("net") && resumed) return resumed->model().net;
  if (!options.given("net")) throw UsageError::about("--net", "--net=FILE is missing");
  const std::string path = options.text("net");
  return parse_net(read_text_file(path, kMaxNetBytes), display_name(path));
}

void fill_net(CompiledNet& net, const Model& model, const TrainingOptions& training,
              const std::optional<WeightsFile>& resumed) {
  if (resumed) {
    load_parameters(*resumed, net, true);
    return;
  }
  initialize_parameters(net, training.seed);
  net.set_mean(model.mean);
}

// Where a run goes on that without its checkpoint would begin at `fresh`. What differs is warned of.
TrainingState resumed_state(const Checkpoint& checkpoint, std::vector<std::string> differences,
                            const TrainingState& fresh, std::uint64_t total_steps, Console& console) {
  // The weights would say that they were trained with what they were not; the end of the run alone may move.
  const auto telling = std::ranges::find_if(differences, [](const std::string& difference) {
    return !difference.starts_with("epochs:") && !difference.starts_with("steps:");
  });
  if (checkpoint.state.step == total_steps && telling != differences.end()) {
    throw UsageError("the checkpoint is at step " + std::to_string(total_steps) +
                     ", the last: there is nothing left to train with " + *telling);
  }
  for (std::string& report : reports_left_out(checkpoint.state, fresh))
    differences.push_back(std::move(report));
  for (const std::string& difference : differences) console.warn("resumed run: " + difference);
  TrainingState state = checkpoint.state;
  state.validates = fresh.validates;
  state.logs = fresh.logs;
  if (state.step > total_steps) {
    throw UsageError("the checkpoint is at step " + std::to_string(state.step) + " already, beyond the " +
                     std::to_string(total_steps) + " asked for");
  }
  console.note("resumed at step " + std::to_string(state.step));
  return state;
}

// A checkpoint may take the place of the one resumed from.
void check_files(const Options& options, const std::vector<std::string>& shards) {
  std::vector<std::string> inputs = options.texts("val");
  inputs.insert(inputs.end(), shards.begin(), shards.end());
  for (const char* name : {"net", "mean"}) inputs.push_back(options.text(name));
  options.check_outputs({"output", "checkpoint", "log", "rejects"}, inputs);
  options.check_outputs({"output", "log", "rejects"}, {options.text("resume")});
}

int describe(const Options& options) {
  options.check_outputs({"output"}, {options.text("net")});
  OutputFile out(options.text("output"), OutputFile::Content::text);
  out.write(describe_net(read_net(options, std::nullopt), training_options_from(options, nullptr, {}).batch));
  out.commit();
  return kStatusDone;
}

// On standard error, as the weights may go to standard output; with -q too, since it was asked for.
void show_profile(const CompiledNet& net, const TrainingOptions& training, const Trainer& trainer) {
  const std::string table =
      profile_table(net.net(), net.batch(), element_bytes(training.precision), trainer.times());
  (void)std::fwrite(table.data(), 1, table.size(), stderr);
}

int train(const Options& options, Console& console) {
  if (options.flag("describe")) return describe(options);
  const Device device = choose_device(options.text("device"));
  const bool stop = options.choice("on-error", {"skip", "stop"}) == "stop";
  const RunOptions run = run_options(options);
  const std::string output = options.text("output");

  std::optional<WeightsFile> file;
  std::optional<Checkpoint> resumed;
  if (options.given("resume")) {
    file.emplace(options.text("resume"));
    resumed = read_checkpoint(*file);
  }
  const TrainingOptions training =
      training_options_from(options, resumed ? &resumed->options : nullptr, device);
  const std::vector<std::string> differences =
      resumed ? resume_differences(resumed->options, training) : std::vector<std::string>();
  Model model;
  model.net = read_net(options, file);
  const MeanImage mean = choose_mean(options.text("mean"), model.net, file ? &*file : nullptr);
  model.mean = mean.values;
  const std::vector<std::string> shards = options.inputs();
  check_files(options, shards);
  check_writable(output);
  if (!run.checkpoint.empty()) check_writable(run.checkpoint);

  const SignalWatch signals(SignalWatch::Stops::at_once);  // SIGUSR1 may come before there is a step to save
  Rejects rejects(options.text("rejects"), stop, console, Rejects::Repeats::ignored);
  const Dataset data(shards, rejects.on_damage());
  const LabelScan labels = check_training_set(data, model.net, console);
  check_mean(mean, options.text("mean"), data, console);
  model.dataset = data.info();
  std::optional<Dataset> validation;
  if (options.given("val")) {
    validation.emplace(options.texts("val"), rejects.on_damage());
    check_labelled_set(*validation, model, "the training set", console);
  }

  TrainingState state{.records = data.size(),
                      .fingerprint = labels.fingerprint,
                      .validates = options.given("val"),
                      .logs = options.given("log")};
  const std::uint64_t total_steps = training.total_steps(data.size());
  if (resumed) {
    check_resumable(*file, resumed->state, model.net, data, labels);
    state = resumed_state(*resumed, differences, state, total_steps, console);
  }
  console.note("seed " + std::to_string(training.seed) + ", device " + device.text() + ", precision " +
               training.text("precision") + ", threads " + std::to_string(training.threads) + ", " +
               count_of(data.size(), "image") + ", " + count_of(total_steps, "step") + " of " +
               std::to_string(training.batch));
  if (run.checkpoint.empty() && options.text("checkpoint-every") != "never") {
    console.note("the weights go to standard output: no checkpoints without --checkpoint=FILE");
  }

  const auto net = compile_net(model.net, device,
                               {.batch = training.batch,
                                .mode = Mode::train,
                                .precision = training.precision,
                                .seed = training.seed,
                                .threads = training.threads});
  for (const std::string& line : net->describe_primitives()) console.detail(line);
  fill_net(*net, model, training, file);
  file.reset();  // its mapping; a checkpoint may be replaced meanwhile

  std::optional<TrainingLog> log;
  if (options.given("log")) {
    log.emplace(options.text("log"), resumed ? std::optional(state.step) : std::nullopt);
  }
  const RunInputs inputs{.model = model,
                         .options = training,
                         .training = data,
                         .labels = labels,
                         .validation = validation ? &*validation : nullptr};
  Trainer trainer(*net, inputs, run, state, std::move(log), rejects, console);
  SignalWatch::note_stops();  // until the weights are saved
  const int signal = trainer.run();
  if (options.flag("profile")) show_profile(*net, training, trainer);
  rejects.finish("record");
  if (signal != 0) return kStatusSignal + signal;
  save_weights(output, model, training, *net);
  return rejects.any() ? kStatusFailure : kStatusDone;
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(argc, argv,
                          {.name = "train",
                           .usage = "--net=FILE --mean=FILE [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                                    "--resume=CHECKPOINT [OPTION]... [-o WEIGHTS] [SHARD]...\n"
                                    "--describe --net=FILE",
                           .summary = "Trains a net on labelled shards and writes its weights.",
                           .exclusive = {"epochs", "steps"}},
                          {.output = true, .files_from = true, .threads = true, .seed = true, .device = true},
                          convoy::declare, convoy::train);
}
