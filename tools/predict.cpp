// predict: weights and images -> the likeliest classes of each image.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/parallel.h"
#include "lib/base/processors.h"
#include "lib/base/tool.h"
#include "lib/prep/image_source.h"
#include "lib/prep/input_options.h"
#include "lib/prep/pool.h"
#include "lib/prep/requests.h"
#include "lib/runs/answers.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/labels.h"
#include "lib/runs/limits.h"
#include "lib/runs/make_responder.h"
#include "lib/runs/models.h"
#include "lib/runs/precision_option.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

const ToolInfo kInfo{
    .name = "predict",
    .usage = "-w FILE [OPTION]... [IMAGE|FOLDER|ARCHIVE|LIST|SHARD]...",
    .summary =
        "Names the likeliest classes of images, writes a layer's activations for them, or finds images that "
        "are like them. Without operands, images (or an archive, a list, "
        "a shard or an IDX file) are read from standard input, and each is answered as soon as it is there.",
    .exclusive = {{"framed", "files-from"},
                  {"features", "nearest"},
                  {"features", "views"},
                  {"nearest", "views"},
                  {"features", "json"},
                  {"features", "top"}}};
constexpr SharedOptions kShared{.output = true, .threads = true, .device = true};

void declare(po::options_description& options) {
  add_model_options(options);
  add_answer_options(options);
  auto add = options.add_options();
  add("batch", text_option("N"),
      "images at a time; else 16 of files and folders, and 1 of what comes through a pipe");
  add_precision_option(options);
  add_list_options(options, "read more images from a list; - is standard input; from a pipe, line by line");
  add("framed", po::bool_switch(),
      "standard input is frames: a decimal length, a newline, an image of so many bytes");
  add_rejects_options(options, {.placeholder = "WHAT",
                                .on_error = "skip or stop: what to do about an image that cannot be used",
                                .rejects = "write name and reason of every image skipped to FILE"});
}

InputOptions inputs_from(const Options& options, Console& console) {
  InputOptions inputs = read_input_options(options, console);
  inputs.labelled = false;
  inputs.whole_paths = true;
  inputs.shards_and_lists = true;
  return inputs;
}

// Answers may wait for more images, but not if these come through a pipe: its writer may be waiting for
// the answer.
std::size_t images_at_a_time(int batch, const InputOptions& inputs, bool requests, std::size_t files) {
  if (batch > 0 || requests) return static_cast<std::size_t>(std::max(batch, 1));
  const auto is_there = [](const std::string& name) {
    std::error_code ignored;
    return name != kStdStreamName &&
           (std::filesystem::is_regular_file(name, ignored) || std::filesystem::is_directory(name, ignored));
  };
  return std::ranges::all_of(inputs.operands, is_there) ? files : 1;
}

// An image on its way to its answer, with its part of the memory.
struct InWork {
  PreparedImage image;
  ImageMemory::Share memory;
};

// Called concurrently.
InWork prepare(ImageInput&& input, PreparerPool& pool, const InputSpec& net_input) {
  Image image;
  try {
    image = pool.prepare(input);
    check_image(image, net_input, input.place);
  } catch (const Error& error) {
    set_failure(input, error);
  } catch (const SystemError& error) {
    set_failure(input, error);
  }
  input.memory.encoded.keep(0);
  input.memory.decoded.keep(image.pixels.size());
  return {.image = {.name = std::move(input.name),
                    .place = std::move(input.place),
                    .image = std::move(image),
                    .failure = std::move(input.failure),
                    .by_system = input.by_system,
                    .loss = input.loss},
          .memory = std::move(input.memory)};
}

int run(const Options& options, Console& console) {
  const ModelFiles files = read_model_files(options, "predict with");
  const RejectRules reject_rules = options.reject_rules();
  check_answer_options(options, files);
  InputOptions input_options = inputs_from(options, console);
  check_outputs(options.outputs(), input_options.operands);
  const InferenceOptions inference = read_inference_options(options, kMaxPredictedBatch);
  const Models models(files, options.memory_limit(), console);
  input_options.check_shard = [&](const DatasetInfo& shard, const std::string& name) {
    models.check_shard(shard, name, console);
  };
  std::optional<Requests> requests = requests_from(options, input_options);
  ImageSource inputs(input_options);
  console.note("device " + inference.device.text() + ", threads " +
               std::to_string(inference.compile.threads));
  Rejects rejects(reject_rules, console);
  const std::size_t batch = images_at_a_time(inference.compile.batch, input_options, requests.has_value(),
                                             files_at_a_time(options));
  // One image at a time is for coprocesses. A thread that waits for the next image could not be stopped.
  const int threads = batch == 1 ? 1 : inference.compile.threads;
  const std::unique_ptr<Responder> responder = make_responder(options, models, inference, console);
  ImageMemory memory(inference.compile.memory, responder->least_bytes(batch), 0, threads);
  Answers answers(*responder, batch, rejects);
  const Extent& stored = models.input().stored;
  PreparerPool pool(models.dataset().preprocessing, input_options.limits, memory,
                    stored.width == stored.height ? stored.width : 0);
  Progress progress(console, inputs.total(), "images");
  if (shows_lines(options.text("output"))) progress.hide();
  std::uint64_t done = 0;
  ordered_parallel_map(
      threads,
      [&] {
        auto input = inputs.next();
        if (!input && requests) input = requests->next();
        if (input) admit(*input, memory);
        return input;
      },
      [&](ImageInput&& input) { return prepare(std::move(input), pool, models.input()); },
      [&](InWork&& one) {
        one.memory = {};  // the images of a batch are counted with the net
        answers.add(std::move(one.image));
        progress.update(++done, rejects.summary());
      });
  progress.finish();
  if (pool.fitted() > 0)
    console.note(count_of(pool.fitted(), "image") + " rescaled and cropped to the training set's size");
  if (requests && requests->broken()) answers.end_early();
  answers.finish();
  console.note(rejects.beside(count_of(answers.answered(), "image")) + inputs.left_out().appended());
  return answers.any_by_system() ? kStatusFailure : rejects.status();
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  convoy::let_idle_threads_sleep(argv);
  return convoy::run_tool(argc, argv, convoy::kInfo, convoy::kShared, convoy::declare, convoy::run);
}
