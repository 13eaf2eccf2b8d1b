#include "lib/runs/inference_options.h"

#include "lib/runs/precision_option.h"

namespace convoy {

InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch) {
  InferenceOptions result;
  result.device = choose_device(options.text("device"));
  const bool batch_given = !options.text("batch").empty();
  result.compile.batch = batch_given ? static_cast<int>(options.integer("batch", 1, max_batch)) : 0;
  result.compile.mode = Mode::infer;
  result.compile.precision = choose_precision(options, result.device);
  result.compile.threads = options.threads();
  return result;
}

}  // namespace convoy
