#include "lib/nn/inference_options.h"

namespace convoy {

InferenceOptions read_inference_options(const Options& options, std::int64_t max_batch) {
  InferenceOptions result;
  result.device = choose_device(options.text("device"));
  result.compile.batch = static_cast<int>(options.integer("batch", 1, max_batch));
  result.compile.mode = Mode::infer;
  result.compile.precision = choose_precision(options.text("precision"), result.device);
  result.compile.threads = options.threads();
  return result;
}

}  // namespace convoy
