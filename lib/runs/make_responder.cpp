#include "lib/runs/make_responder.h"

#include "formats/dataset_info.h"
#include "lib/base/error.h"
#include "lib/runs/class_responder.h"
#include "lib/runs/feature_responders.h"

namespace convoy {
namespace {

constexpr const char* kTop = "top";
constexpr const char* kFeatures = "features";
constexpr const char* kNearest = "nearest";
constexpr std::size_t kClassesShown = 5;
constexpr std::size_t kNeighboursShown = 6;  // as in figure 4 of the paper
constexpr std::int64_t kMostNeighbours = 1'000'000;
constexpr std::size_t kFilesAtATime = 16;
constexpr std::size_t kQueriesAtATime = 128;

AnswerForm form_of(const Options& options) {
  const bool nearest = options.given(kNearest);
  AnswerForm form{.json = options.flag("json"), .best = nearest ? kNeighboursShown : kClassesShown};
  if (options.given(kTop)) {
    form.best = static_cast<std::size_t>(options.integer(kTop, 1, nearest ? kMostNeighbours : kMaxClasses));
  }
  return form;
}

}  // namespace

void add_answer_options(po::options_description& options) {
  auto add = options.add_options();
  add("top,k", text_option("K"), "classes to show for each image, else 5; or neighbours, else 6");
  add("json", po::bool_switch(), "one JSON object a line for each image");
  add(kFeatures, text_option("LAYER"),
      "write the activations of LAYER for all images, as safetensors, instead of classes");
  add(kNearest, input_option("FILE"),
      "show the nearest images of FILE, which --features wrote, instead of classes");
}

void check_answer_options(const Options& options, const ModelFiles& files) {
  (void)form_of(options);
  for (const char* option : {kFeatures, kNearest}) {
    if (options.given(option) && files.paths.size() > 1) {
      throw UsageError(std::string("--") + option,
                       "takes one net, not " + std::to_string(files.paths.size()));
    }
  }
}

std::unique_ptr<Responder> make_responder(const Options& options, const Models& models,
                                          const InferenceOptions& inference, Console& console) {
  const std::string output = options.text("output");
  if (options.given(kFeatures)) {
    return std::make_unique<FeatureResponder>(output, options.text(kFeatures), models.file(0), inference,
                                              console);
  }
  if (options.given(kNearest)) {
    return std::make_unique<NearestResponder>(output, form_of(options), options.text(kNearest),
                                              models.file(0), options.memory_limit(), inference, console);
  }
  return std::make_unique<ClassResponder>(output, form_of(options), models, inference, console);
}

std::size_t files_at_a_time(const Options& options) {
  return options.given(kNearest) ? kQueriesAtATime : kFilesAtATime;
}

}  // namespace convoy
