// Preparers for several threads.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "lib/prep/image_input.h"
#include "lib/prep/prepare.h"

namespace convoy {

// Reads the image, if it is in a file, and prepares it. Throws Error(input.place, reason), also for an input
// with a failure.
[[nodiscard]] Image prepare_input(const ImageInput& input, Preparer& preparer);

// Prepares images on several threads, with one preparer for each image in work; all have the same
// settings. Thread-safe.
class PreparerPool {
 public:
  PreparerPool(const Preprocessing& how, const ImageLimits& limits) : how_(how), limits_(limits) {}
  // See prepare_input().
  [[nodiscard]] Image prepare(const ImageInput& input);

 private:
  [[nodiscard]] std::unique_ptr<Preparer> take();
  Preprocessing how_;
  ImageLimits limits_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Preparer>> idle_;
};

}  // namespace convoy
