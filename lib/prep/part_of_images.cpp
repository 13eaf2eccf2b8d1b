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
  // What is left out before the part is that of others. The first part keeps what its list left out.
  if (range_.begin > 0) source_.forget_left_out();
  source_.report(true);
}

PartOfImages::Count PartOfImages::count() {
  source_.begin_again();
  source_.report(false);
  Count count;
  while (const auto input = source_.pass()) {
    if (is_image(*input)) ++count.images;
    count.any_labelled = count.any_labelled || input->label != kNoLabel;
    // A class that the image cannot have is no matter of reading.
    const bool readable = input->failure.empty() || input->shared_failure;
    if (readable) {
      ++count.readable;
      continue;
    }
    if (count.failures++ > 0) continue;
    count.place = input->place;
    count.reason = input->failure;
  }
  return count;
}

// Damage is the same whenever it is met. What is not, such as too little memory to unpack an archive, must
// not give this run other parts than the others have.
void PartOfImages::count_whole() {
  const Count first = count();
  if (first.failures > 0 && count() != first) {
    throw Error(first.place, first.reason + ", but not when it was read again");
  }
  if (first.readable == 0 && first.failures > 0) throw Error(first.place, first.reason);
  if (first.images == 0) throw Error("no images" + source_.left_out().appended());
  whole_ = first.images;
  any_labelled_ = first.any_labelled;
  if (first.failures == 0) return;
  doubt_ = first.place + ": " + first.reason;
  if (first.failures > 1) doubt_ += " (and " + std::to_string(first.failures - 1) + " more)";
}

// The last image before the part is read, so that the damage of its data shows there, as in a run over all
// images, and not behind it.
void PartOfImages::pass_over_earlier() {
  source_.begin_again();
  for (std::uint64_t passed = 0; passed < range_.begin;) {
    const auto input = passed + 1 < range_.begin ? source_.pass() : source_.next();
    if (!input) throw_fewer();
    last_place_ = input->place;
    if (is_image(*input)) ++passed;
  }
}

std::optional<ImageInput> PartOfImages::next() {
  if (!part_) return source_.next();
  if (left_ == 0 && !part_->is_last()) return std::nullopt;
  auto input = source_.next();
  if (!input && left_ > 0) throw_fewer();
  if (!input) return input;
  last_place_ = input->place;
  if (is_image(*input) && left_ > 0) --left_;
  return input;
}

void PartOfImages::throw_fewer() const {
  throw Error(last_place_.empty() ? "the inputs" : last_place_,
              "fewer images follow than there were when they were counted");
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
