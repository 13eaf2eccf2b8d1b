// eval: weights and labelled shards -> errors.
#include <algorithm>
#include <optional>
#include <string>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/processors.h"
#include "lib/base/tool.h"
#include "lib/runs/evaluation_report.h"
#include "lib/runs/evaluator.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/labels.h"
#include "lib/runs/limits.h"
#include "lib/runs/loader.h"
#include "lib/runs/models.h"
#include "lib/runs/precision_option.h"
#include "lib/runs/run_doubts.h"
#include "lib/shards/dataset.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

const ToolInfo kInfo{.name = "eval",
                     .usage = "-w WEIGHTS [OPTION]... [SHARD]...",
                     .summary = "Measures a trained net's errors on labelled shards."};
constexpr SharedOptions kShared{.output = true, .files_from = true, .threads = true, .device = true};

void declare(po::options_description& options) {
  add_model_options(options);
  auto add = options.add_options();
  add("batch", text_option("N", "128"), "images at a time");
  add("json", po::bool_switch(), "one line of JSON instead of TSV");
  add("per-class", po::bool_switch(), "errors of each class too, and their means");
  add("confusion", output_option("FILE"), "write how often each class was taken for which, as TSV");
  add("predictions", output_option("FILE"), "write the best classes of each record, as TSV");
  add_precision_option(options);
  add_rejects_options(options, {.placeholder = "WHAT",
                                .on_error = "skip or stop: what to do about damaged records",
                                .rejects = "write place and reason of every record left out to FILE"});
}

std::optional<OutputFile> open_if_given(const Options& options, const std::string& name) {
  if (!options.given(name)) return std::nullopt;
  return OutputFile(options.text(name), OutputFile::Content::text);
}

int run(const Options& options, Console& console) {
  const ModelFiles files = read_model_files(options, "evaluate");
  const RejectRules reject_rules = options.reject_rules();
  auto [device, compile, views] = read_inference_options(options, kMaxBatch);
  check_outputs(options.outputs(), options.inputs());

  const Models models(files, options.memory_limit(), console);
  Rejects rejects(reject_rules, console, Rejects::Repeats::ignored);
  const Dataset data(options.inputs(), rejects.on_damage(), options.memory_limit());
  rejects.expect(data.size() + rejects.count());
  check_labelled_set(data, models.file(0).model(), models.name(), console);
  std::optional<OutputFile> confusion = open_if_given(options, "confusion");
  std::optional<OutputFile> predictions = open_if_given(options, "predictions");
  OutputFile out(options.text("output"), OutputFile::Content::text);

  compile.batch = static_cast<int>(std::min(static_cast<std::uint64_t>(compile.batch), data.size()));
  console.note("device " + device.text() + ", threads " + std::to_string(compile.threads));
  const auto classes_of_net = static_cast<std::uint64_t>(models.classes());
  compile.held_per_image = loaded_bytes_per_image(data);
  compile.held = classes_of_net * sizeof(Totals) + decoding_bytes(data, compile.threads);
  if (confusion) compile.held += kBytesAPair * std::min(data.size(), classes_of_net * classes_of_net);
  compile.on_planned = [&](const PlannedMemory& planned) { say_memory(planned, models.lead(), console); };
  CompiledModels compiled(models, views, device, compile);

  const auto& classes = models.dataset().classes;
  if (predictions) write_predictions_head(*predictions, classes_of_net);
  Progress progress(console, data.size(), "images");
  EvaluationHooks hooks;
  hooks.damaged = rejects.on_damage();
  hooks.progress = [&](const Totals& totals) {
    progress.update(totals.images);
    return true;
  };
  if (predictions) {
    hooks.record = [&](std::uint64_t record, std::int32_t label, std::span<const float> probabilities) {
      write_prediction(*predictions, data.record(record).name, label, probabilities, classes);
    };
  }
  EvaluationOptions evaluation;
  evaluation.batch = compile.batch;
  evaluation.threads = compile.threads;
  evaluation.confusion = confusion.has_value();
  const Metrics metrics = evaluate(compiled.ensemble(), data, evaluation, hooks);
  progress.finish();
  rejects.conclude(metrics.totals().images, "record");

  if (predictions) predictions->commit();
  if (confusion) {
    write_confusion(*confusion, metrics, classes);
    confusion->commit();
  }
  const bool per_class = options.flag("per-class");
  out.write(options.flag("json") ? report_json(metrics, classes, per_class)
                                 : report_tsv(metrics, classes, per_class));
  out.commit();
  console.note(rejects.beside(count_of(metrics.totals().images, "record")));
  return rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  convoy::let_idle_threads_sleep(argv);
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
