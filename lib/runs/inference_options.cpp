#include "lib/runs/inference_options.h"

#include "lib/base/error.h"
#include "lib/runs/precision_option.h"

namespace convoy {
namespace {

constexpr const char* kWeights = "weights";

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

void add_weights_option(po::options_description& options) {
  options.add_options()("weights,w", input_option("FILE"), "weights that train wrote");
}

std::string read_weights_option(const Options& options, std::string_view purpose) {
  if (!options.given(kWeights)) {
    throw UsageError("-w FILE is missing: the weights to " + std::string(purpose));
  }
  return options.text(kWeights);
}

InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch) {
  InferenceOptions result;
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
