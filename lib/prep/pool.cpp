#include "lib/prep/pool.h"

#include <utility>

namespace convoy {

std::unique_ptr<Preparer> PreparerPool::take() {
  const std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Preparer>(how_, limits_);
  auto preparer = std::move(idle_.back());
  idle_.pop_back();
  return preparer;
}

Image PreparerPool::prepare(const ImageInput& input) {
  // A preparer that failed is as good as before, but need not come back: it is made anew.
  auto preparer = take();
  Image image = prepare_input(input, *preparer);
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(preparer));
  return image;
}

}  // namespace convoy
