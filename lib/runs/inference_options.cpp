#include "lib/runs/inference_options.h"

#include "lib/base/error.h"
#include "lib/runs/precision_option.h"

namespace convoy {
namespace {

constexpr const char* kWeights = "weights";

}  // namespace

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
  result.compile.memory = options.memory_limit();
  return result;
}

}  // namespace convoy
