#include "lib/runs/class_responder.h"

#include <algorithm>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/finite.h"
#include "lib/runs/answer_text.h"
#include "lib/runs/run_doubts.h"

namespace convoy {

AnswerText::AnswerText(const std::string& output)
    : out_(output, OutputFile::Content::text), stream_(!is_replaced(output)) {}

void AnswerText::write(const std::string& lines) {
  out_.write(lines);
  out_.flush();
}

ClassResponder::ClassResponder(const std::string& output, const AnswerForm& form, const Models& models,
                               const InferenceOptions& inference, Console& console)
    : text_(output), form_(form), models_(models), inference_(inference), console_(console) {}

void ClassResponder::prepare(std::size_t images) {
  CompileOptions options = options_for(images);
  options.on_planned = [this](const PlannedMemory& planned) {
    say_memory(planned, models_.lead(), console_);
  };
  compiled_.emplace(models_, inference_.views, inference_.device, options);
}

void ClassResponder::compute(std::span<const Image> images) {
  probabilities_ = compiled_->ensemble().predict(pixels_of(images));
}

void ClassResponder::answer(std::size_t index, const std::string& name, const std::string& place) {
  const auto classes = static_cast<std::size_t>(models_.classes());
  const std::span<const float> scores = probabilities_.subspan(index * classes, classes);
  if (!all_finite(scores)) throw NotFiniteError(place, "the net's output for it is not a number");
  const auto& table = models_.dataset().classes;
  text_.write(form_.json ? prediction_json(name, scores, form_.best, table)
                         : prediction_tsv(name, scores, form_.best, table));
}

void ClassResponder::reject(const std::string& name, const std::string& reason) {
  text_.write(form_.json ? rejection_json(name, reason) : rejection_tsv(name, reason));
}

// If --batch is not given, all views of an image are computed at once.
CompileOptions ClassResponder::options_for(std::size_t images) const {
  CompileOptions options = inference_.compile;
  const bool batch_given = inference_.compile.batch > 0;
  const auto views = static_cast<std::size_t>(inference_.views);
  options.batch = static_cast<int>(batch_given ? images : std::max(images, views));
  // The images of a batch are gathered.
  options.held_per_image = static_cast<std::uint64_t>(models_.input().stored.elements());
  return options;
}

std::uint64_t ClassResponder::least_bytes(std::size_t images) const {
  return convoy::least_bytes(models_, inference_.views, options_for(images));
}

std::vector<const std::uint8_t*> pixels_of(std::span<const Image> images) {
  std::vector<const std::uint8_t*> pixels;
  for (const Image& image : images) pixels.push_back(image.pixels.data());
  return pixels;
}

}  // namespace convoy
