#include "lib/runs/answers.h"

#include <utility>

#include "lib/base/error.h"

namespace convoy {

Answers::Answers(Responder& responder, std::size_t batch, Rejects& rejects)
    : responder_(responder),
      batch_(batch),
      rejects_(rejects),
      outlives_failures_(batch == 1 && responder.is_stream()) {
  if (batch_ == 1) {
    responder_.prepare(1);
    prepared_ = true;
  }
}

void Answers::add(PreparedImage&& image) {
  if (image.by_system && !outlives_failures_) throw SystemError(image.place, image.failure);
  any_by_system_ = any_by_system_ || image.by_system;
  if (image.failure.empty()) image.failure = responder_.refusal(image.name);
  waiting_.push_back(std::move(image));
  if (waiting_.size() >= batch_) answer_waiting();
}

void Answers::finish() {
  answer_waiting();
  rejects_.conclude(answered_, "image");
  if (answered_ == 0) throw Error("no images");
  responder_.commit();
}

void Answers::end_early() {
  answer_waiting();
  rejects_.commit();
  throw Error("stdin", "nothing tells where the next frame begins: ended");
}

void Answers::answer_waiting() {
  compute_waiting();
  std::size_t index = 0;
  for (const PreparedImage& image : waiting_) {
    if (!image.failure.empty()) {
      responder_.reject(image.name, image.failure);
      rejects_.add(image.place, image.failure, image.loss);
      continue;
    }
    responder_.answer(index++, image.name, image.place);
    ++answered_;
  }
  waiting_.clear();
}

// Has the answers computed to the images that have not failed.
void Answers::compute_waiting() {
  std::vector<Image> images;
  for (PreparedImage& one : waiting_) {
    if (one.failure.empty()) images.push_back(std::move(one.image));
  }
  if (images.empty()) return;
  if (!prepared_) responder_.prepare(batch_ = waiting_.size());
  prepared_ = true;
  responder_.compute(images);
}

}  // namespace convoy
