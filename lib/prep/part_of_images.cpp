#include "lib/prep/part_of_images.h"

#include <utility>

#include "lib/base/count.h"
#include "lib/base/error.h"
#include "lib/prep/shard_sink.h"

namespace convoy {
namespace {

// Whether it is an image, or the reason why there is none, rather than damage between images.
bool is_image(const ImageInput& input) { return input.loss.records > 0; }

}  // namespace

PartOfImages::PartOfImages(ImageSource& source, const std::optional<Part>& part)
    : source_(source), part_(part) {
  if (!part_) {
    whole_ = range_.end = source_.total();
    return;
  }
  count_whole();
  range_ = part_->of(whole_);
  left_ = range_.size();
  if (left_ > 0 || part_->is_last()) pass_over_earlier();
}

void PartOfImages::count_whole() {
  source_.begin_again();
  source_.report(false);
  std::optional<ImageInput> damage;  // the first
  while (auto input = source_.pass()) {
    if (is_image(*input)) {
      ++whole_;
      any_labelled_ = any_labelled_ || input->label != kNoLabel;
    } else if (!damage) {
      damage = std::move(input);
    }
  }
  if (whole_ > 0) return;
  if (damage) throw Error(damage->place, damage->failure);
  throw Error("no images" + source_.left_out().appended());
}

// The last image before the part is read, so that the damage of its data shows there, as in a run over all
// images, and not behind it.
void PartOfImages::pass_over_earlier() {
  source_.begin_again();
  for (std::uint64_t passed = 0; passed < range_.begin;) {
    const auto input = passed + 1 < range_.begin ? source_.pass() : source_.next();
    if (!input) throw Error("the inputs changed while they were read");
    if (is_image(*input)) ++passed;
  }
  if (range_.begin > 0) source_.forget_left_out();
  source_.report(true);
}

std::optional<ImageInput> PartOfImages::next() {
  if (!part_) return source_.next();
  if (left_ == 0 && !part_->is_last()) return std::nullopt;
  auto input = source_.next();
  if (input && is_image(*input) && left_ > 0) --left_;
  return input;
}

std::string PartOfImages::appended() const {
  if (!part_) return {};
  std::string text = ", part " + std::to_string(part_->number) + " of " + std::to_string(part_->count) + " (";
  text += range_.size() == 0
              ? "none"
              : "images " + std::to_string(range_.begin + 1) + " to " + std::to_string(range_.end);
  return text + " of " + std::to_string(whole_) + ")";
}

ImageSize common_size(ImageSource& source, const Preprocessing& how, PreparerPool& pool, ImageMemory& memory,
                      const Encoding& encoding) {
  if (how.size > 0) return {how.size, how.size};
  source.begin_again();
  source.report(false);
  while (auto input = source.next()) {
    admit(*input, memory);
    const PreparedRecord record = prepare_record(std::move(*input), pool, encoding);
    if (record.input.failure.empty()) return {record.width, record.height};
  }
  throw Error("no image of the whole input can be used" + source.left_out().appended());
}

}  // namespace convoy
