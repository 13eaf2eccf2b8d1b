#include "lib/runs/inference_options.h"

#include <algorithm>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/runs/precision_option.h"

namespace convoy {
namespace {

constexpr const char* kWeights = "weights";
constexpr const char* kEnsembleWeights = "ensemble-weights";
constexpr const char* kViews = "views";
constexpr double kLeastNetWeight = 1e-6;
constexpr double kMostNetWeight = 1e6;

// Beside the calling thread: those of the net, of a loader or of images, and the loader's own.
constexpr std::uint64_t kPoolsOfThreads = 2;
// What OpenMP and oneDNN take for themselves, compiled layers, and what the allocator cannot use.
constexpr std::uint64_t kProgramBytes = std::uint64_t{48} << 20;

}  // namespace

MemoryLimit memory_for_net(const Options& options, std::uint64_t loaders) {
  const auto threads = static_cast<std::uint64_t>(options.threads());
  return beside_threads(options.memory_limit(), (kPoolsOfThreads + loaders - 1) * threads + loaders,
                        kProgramBytes);
}

void add_model_options(po::options_description& options) {
  auto add = options.add_options();
  add("weights,w", inputs_option("FILE"),
      "weights that train wrote; given several times, the nets' probabilities are averaged");
  add(kEnsembleWeights, text_option("W,W..."), "how much each -w counts, in their order; else all alike");
  add(kViews, text_option("1|10", "1"),
      "crops of an image to average: the centre, or four corners, centre and their reflections");
}

ModelFiles read_model_files(const Options& options, std::string_view purpose) {
  if (!options.given(kWeights)) {
    throw UsageError("-w FILE is missing: the weights to " + std::string(purpose));
  }
  ModelFiles files{.paths = options.texts(kWeights), .weights = {}};
  files.weights.assign(files.paths.size(), 1.0);
  if (!options.given(kEnsembleWeights)) return files;
  const std::string option = std::string("--") + kEnsembleWeights;
  const std::string text = options.text(kEnsembleWeights);
  const auto numbers = static_cast<std::size_t>(std::ranges::count(text, ',')) + 1;
  if (numbers != files.paths.size()) {
    throw UsageError(option, count_of(numbers, "number") + " for " + count_of(files.paths.size(), "net"));
  }
  std::size_t begin = 0;
  for (double& weight : files.weights) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    weight = parse_real(std::string_view(text).substr(begin, end - begin), option, kLeastNetWeight,
                        kMostNetWeight);
    begin = end + 1;
  }
  return files;
}

InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch) {
  InferenceOptions result;
  result.views = options.choice(kViews, {"1", "10"}) == 0 ? 1 : kTenViews;
  result.device = choose_device(options.text("device"));
  const bool batch_given = !options.text("batch").empty();
  result.compile.batch = batch_given ? static_cast<int>(options.integer("batch", 1, max_batch)) : 0;
  result.compile.mode = Mode::infer;
  result.compile.precision = choose_precision(options, result.device);
  result.compile.threads = options.threads();
  result.compile.memory = memory_for_net(options);
  return result;
}

}  // namespace convoy
