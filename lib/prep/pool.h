// Preparers for several threads.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "lib/prep/image_input.h"
#include "lib/prep/prepare.h"

namespace convoy {

// Reads what is to be read and prepares it. Throws Error(input.place, reason), also with input.failure.
[[nodiscard]] Image prepare_input(const ImageInput& input, Preparer& preparer);

// Lends each image one of a set of preparers alike, as many as there are threads at work. Thread-safe.
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
