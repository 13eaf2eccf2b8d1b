// Preparers for several threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/prep/image_input.h"
#include "lib/prep/prepare.h"

namespace convoy {

// Reads the image, if it is in a file, and prepares it, within its parts of the memory. Throws
// Error(input.place, reason), also for an input with a failure, and SystemError if the machine fails.
[[nodiscard]] Image prepare_input(ImageInput& input, Preparer& preparer, const ImageMemory* memory);

// Gives the input its parts of the memory, and claims that of what it holds; call in the order of the inputs.
// One that takes too much becomes a failure.
void admit(ImageInput& input, ImageMemory& memory);

// Prepares images on several threads, with one preparer for each image in work; all have the same
// settings. Thread-safe.
class PreparerPool {
 public:
  // As of Preparer. Records of shards stay as they are.
  PreparerPool(const Preprocessing& how, const ImageLimits& limits, const ImageMemory& memory, int fit = 0)
      : how_(how), limits_(limits), memory_(memory), fit_(fit) {}
  // See prepare_input().
  [[nodiscard]] Image prepare(ImageInput& input);
  // The number of images that were rescaled to fit.
  [[nodiscard]] std::uint64_t fitted() const { return fitted_; }

 private:
  [[nodiscard]] std::unique_ptr<Preparer> take();
  Preprocessing how_;
  ImageLimits limits_;
  const ImageMemory& memory_;
  int fit_;
  std::atomic<std::uint64_t> fitted_ = 0;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Preparer>> idle_;
};

}  // namespace convoy
