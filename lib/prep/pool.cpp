#include "lib/prep/pool.h"

#include <utility>

#include "lib/base/error.h"
#include "lib/base/file.h"

namespace convoy {

Image prepare_input(const ImageInput& input, Preparer& preparer) {
  if (!input.failure.empty()) throw Error(input.place, input.failure);
  if (input.prepared) return *input.pixels;
  if (input.pixels) return preparer.prepare(*input.pixels);
  if (!input.path.empty()) {
    return preparer.prepare(as_u8(read_image_file(input.path)), input.place);
  }
  return preparer.prepare(input.bytes, input.place);
}

std::unique_ptr<Preparer> PreparerPool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Preparer>(how_, limits_, fit_);
  auto preparer = std::move(idle_.back());
  idle_.pop_back();
  return preparer;
}

Image PreparerPool::prepare(const ImageInput& input) {
  // If it throws, the preparer is dropped; the next caller makes a new one.
  auto preparer = take();
  Image image = prepare_input(input, *preparer);
  if (!input.prepared && preparer->fitted()) ++fitted_;
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(preparer));
  return image;
}

}  // namespace convoy
