#include "lib/runs/answers.h"

#include <span>
#include <utility>

#include "lib/base/destination.h"
#include "lib/base/error.h"
#include "lib/base/finite.h"

namespace convoy {

Answers::Answers(const std::string& output, const AnswerForm& form, const std::vector<ClassInfo>& classes,
                 Compile compile, std::size_t batch, Rejects& rejects)
    : form_(form),
      classes_(classes),
      compile_(std::move(compile)),
      batch_(batch),
      rejects_(rejects),
      out_(output, OutputFile::Content::text),
      outlives_failures_(batch == 1 && !is_replaced(output)) {
  if (batch == 1) predictor_.emplace(compile_(1));
}

void Answers::add(PreparedImage&& image) {
  if (image.by_system && !outlives_failures_) throw SystemError(image.place, image.failure);
  any_by_system_ = any_by_system_ || image.by_system;
  waiting_.push_back(std::move(image));
  if (waiting_.size() >= batch_) answer_waiting();
}

void Answers::finish() {
  answer_waiting();
  rejects_.conclude(answered_, "image");
  if (answered_ == 0) throw Error("no images");
  out_.commit();
}

void Answers::end_early() {
  answer_waiting();
  rejects_.commit();
  throw Error("stdin", "nothing tells where the next frame begins: ended");
}

void Answers::answer_waiting() {
  std::span<const float> probabilities = predict_waiting();
  for (const PreparedImage& image : waiting_) {
    if (!image.failure.empty()) {
      reject(image);
      continue;
    }
    const auto scores = probabilities.first(predictor_->classes());
    probabilities = probabilities.subspan(predictor_->classes());
    if (!all_finite(scores)) throw NotFiniteError(image.place, "the net's output for it is not a number");
    out_.write(form_.json ? prediction_json(image.name, scores, form_.best, classes_)
                          : prediction_tsv(image.name, scores, form_.best, classes_));
    out_.flush();
    ++answered_;
  }
  waiting_.clear();
}

// Class probabilities of the images that have not failed, [images, classes].
std::span<const float> Answers::predict_waiting() {
  std::vector<Image> images;
  for (PreparedImage& one : waiting_) {
    if (one.failure.empty()) images.push_back(std::move(one.image));
  }
  if (images.empty()) return {};
  if (!predictor_) predictor_.emplace(compile_(batch_ = waiting_.size()));
  return predictor_->predict(images);
}

void Answers::reject(const PreparedImage& image) {
  out_.write(form_.json ? rejection_json(image.name, image.failure)
                        : rejection_tsv(image.name, image.failure));
  out_.flush();
  rejects_.add(image.place, image.failure, image.loss);
}

}  // namespace convoy
