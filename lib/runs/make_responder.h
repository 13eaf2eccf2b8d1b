// The options of predict that say what images are answered with.
#pragma once

#include <memory>

#include "lib/runs/feature_file.h"
#include "lib/runs/inference_options.h"
#include "lib/runs/models.h"
#include "lib/runs/responder.h"

namespace convoy {

// Declares -k, --json, --features=LAYER and --nearest=FILE.
void add_answer_options(po::options_description& options);

// Checks those options, without opening a file. Throws UsageError.
void check_answer_options(const Options& options, const ModelFiles& files);

// Makes what they ask for; opens the output. models, console: must outlive the responder.
[[nodiscard]] std::unique_ptr<Responder> make_responder(const Options& options, const Models& models,
                                                        const InferenceOptions& inference, Console& console);

// Images at a time if all inputs are files and folders and --batch is not given. Each batch of queries reads
// the whole file of features.
[[nodiscard]] std::size_t files_at_a_time(const Options& options);

}  // namespace convoy
