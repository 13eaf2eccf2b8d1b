// predict: weights and images -> the likeliest classes of each image.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/list.h"
#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/base/file.h"
#include "lib/base/finite.h"
#include "lib/base/parallel.h"
#include "lib/base/tool.h"
#include "lib/prep/image_source.h"
#include "lib/prep/pool.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/labels.h"
#include "lib/runs/predictor.h"
#include "lib/shards/rejects.h"

namespace convoy {
namespace {

constexpr std::int64_t kMaxBatch = 1 << 16;
constexpr std::size_t kFilesAtATime = 16;

void declare(po::options_description& options) {
  auto add = options.add_options();
  add("weights,w", text_option("FILE"), "weights that train wrote");
  add("top,k", text_option("K", "5"), "classes to show for each image");
  add("json", po::bool_switch(), "one JSON object a line for each image");
  add("batch", text_option("N"),
      "images at a time; else 16 of files and folders, and 1 of what comes through a pipe");
  add("precision", text_option("TYPE", "auto"), "fp32, bf16, or auto: bf16 on a GPU, fp32 on a CPU");
  add("files-from", text_option("FILE"), "read more images from a list; - is standard input");
  add("null,0", po::bool_switch(), "entries in --files-from end in a NUL byte, not in a newline");
  add("on-error", text_option("WHAT", "skip"), "skip or stop: what to do about an image that cannot be used");
  add("rejects", text_option("FILE"), "write name and reason of every image skipped to FILE");
}

// An image ready for the net, or with its input's failure.
struct Prepared {
  ImageInput input;
  Image image;
};

// Gathers images into batches and writes an answer for each, in order.
class Answers {
 public:
  // best: classes of an answer. batch: the most images at a time. The net is compiled for the images of the
  // first batch: few images want no large one.
  Answers(std::function<Predictor(std::size_t)> compile, const Options& options, std::size_t best,
          const std::vector<ClassInfo>& classes, std::size_t batch, Rejects& rejects)
      : compile_(std::move(compile)),
        classes_(classes),
        batch_(batch),
        best_(best),
        json_(options.flag("json")),
        rejects_(rejects),
        out_(options.text("output"), OutputFile::Content::text) {
    if (batch == 1) predictor_.emplace(compile_(1));
  }

  void add(Prepared&& one) {
    waiting_.push_back(std::move(one));
    if (waiting_.size() >= batch_) answer();
  }
  void answer() {
    std::vector<Image> images;
    for (Prepared& one : waiting_) {
      if (one.input.failure.empty()) images.push_back(std::move(one.image));
    }
    std::span<const float> probabilities;
    if (!images.empty()) {
      if (!predictor_) predictor_.emplace(compile_(batch_ = waiting_.size()));
      probabilities = predictor_->predict(images);
    }
    for (const Prepared& one : waiting_) {
      if (!one.input.failure.empty()) {
        if (json_) out_.write(rejection_json(one.input.name, one.input.failure));
        out_.flush();
        rejects_.add(one.input.place, one.input.failure, one.input.loss);
        continue;
      }
      const auto scores = probabilities.first(predictor_->classes());
      probabilities = probabilities.subspan(predictor_->classes());
      if (!all_finite(scores)) {
        throw NotFiniteError(one.input.place, "the net's output for it is not a number");
      }
      out_.write(json_ ? prediction_json(one.input.name, scores, best_, classes_)
                       : prediction_tsv(one.input.name, scores, best_, classes_));
      out_.flush();
      ++answered_;
    }
    waiting_.clear();
  }
  void finish() {
    answer();
    out_.commit();
  }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  std::function<Predictor(std::size_t)> compile_;
  std::optional<Predictor> predictor_;
  const std::vector<ClassInfo>& classes_;
  std::size_t batch_;
  std::size_t best_;
  bool json_;
  Rejects& rejects_;
  OutputFile out_;
  std::vector<Prepared> waiting_;
  std::uint64_t answered_ = 0;
};

InputOptions inputs_from(const Options& options) {
  InputOptions inputs;
  inputs.files_from = options.text("files-from");
  inputs.operands = inputs.files_from.empty() ? options.inputs() : options.operands();
  inputs.nul = options.flag("null");
  inputs.labelled = false;
  inputs.whole_paths = true;
  inputs.shards_and_lists = true;
  inputs.outputs = outputs_of(options, {"output", "rejects"});
  return inputs;
}

// Whether an answer may wait for the images behind it: not where they come through a pipe, whose writer may
// wait for the answer.
bool all_there(const InputOptions& inputs) {
  const auto is_there = [](const std::string& name) {
    std::error_code ignored;
    return name != kStdStreamName &&
           (std::filesystem::is_regular_file(name, ignored) || std::filesystem::is_directory(name, ignored));
  };
  return inputs.files_from != kStdStreamName && std::ranges::all_of(inputs.operands, is_there);
}

int predict(const Options& options, Console& console) {
  if (!options.given("weights")) throw UsageError("-w FILE is missing: the weights to predict with");
  const bool stop = options.choice("on-error", {"skip", "stop"}) == "stop";
  const auto best = static_cast<std::size_t>(options.integer("top", 1, kMaxClasses));
  InputOptions input_options = inputs_from(options);
  std::vector<std::string> files = input_options.operands;
  for (const char* name : {"weights", "files-from"}) files.push_back(options.text(name));
  options.check_outputs({"output", "rejects"}, files);
  const InferenceOptions inference = read_inference_options(options, kMaxBatch);
  const CompileOptions& compile = inference.compile;

  const WeightsFile weights(options.text("weights"));
  const DatasetInfo& dataset = weights.model().dataset;
  for (const std::string& name : weights.unknown()) {
    console.detail(weights.name() + ": tensor '" + name + "' is not of this net and not used");
  }
  input_options.check_shard = [&](const DatasetInfo& shard, const std::string& name) {
    check_extent(shard, weights.model().net.input, name);
    const std::string difference = preprocessing_difference(shard.preprocessing, dataset.preprocessing);
    if (!difference.empty()) {
      console.warn(name + ": prepared in another way than " + weights.name() + ": " + difference);
    }
  };
  ImageSource inputs(input_options);
  console.note("device " + inference.device.text() + ", threads " + std::to_string(compile.threads));
  Rejects rejects(options.text("rejects"), stop, console);
  const std::size_t batch = compile.batch > 0 ? static_cast<std::size_t>(compile.batch)
                                              : (all_there(input_options) ? kFilesAtATime : 1);
  const auto compile_for = [&](std::size_t images) {
    CompileOptions how = compile;
    how.batch = static_cast<int>(images);
    return Predictor(weights, inference.device, how);
  };
  Answers answers(compile_for, options, best, dataset.classes, batch, rejects);
  PreparerPool pool(dataset.preprocessing, input_options.limits);
  Progress progress(console, inputs.total(), "images");
  if (shows_lines(options.text("output"))) progress.hide();
  std::uint64_t done = 0;
  // One image at a time is for coprocesses: a thread that waits for the next one could not be ended.
  const int threads = batch == 1 ? 1 : compile.threads;
  ordered_parallel_map(
      threads, [&] { return inputs.next(); },
      [&](ImageInput&& input) {
        Prepared one{std::move(input), {}};
        try {
          one.image = pool.prepare(one.input);
          check_image(one.image, weights.model().net.input, one.input.place);
        } catch (const Error& error) {
          set_failure(one.input, error);
        }
        one.input.bytes = {};
        one.input.pixels.reset();
        return one;
      },
      [&](Prepared&& one) {
        answers.add(std::move(one));
        progress.update(++done, rejects.summary());
      });
  progress.finish();
  answers.finish();
  rejects.commit();
  if (rejects.any()) console.note(rejects.beside(count_of(answers.answered(), "image")));
  if (answers.answered() == 0 && !rejects.any()) throw Error("no images");
  return rejects.any() ? kStatusFailure : kStatusDone;
}

}  // namespace
}  // namespace convoy

int main(int argc, char** argv) {
  return convoy::run_tool(
      argc, argv,
      {.name = "predict",
       .usage = "-w FILE [OPTION]... [IMAGE|FOLDER|ARCHIVE|LIST|SHARD]...",
       .summary = "Names the likeliest classes of images. Without operands, images (or an archive, a list or "
                  "a shard) are read from standard input, and each is answered as soon as it is there."},
      {.output = true, .threads = true, .device = true}, convoy::declare, convoy::predict);
}
