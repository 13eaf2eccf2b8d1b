// How much memory images may take on their way through imgprep and predict.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/base/memory.h"
#include "lib/base/memory_budget.h"

namespace convoy {

// Two budgets, both parts of the run's limit: one for encoded images, which are held while they wait for
// their turn, and one for what decoding, resizing and encoding take, down to the result that waits for those
// before it. Which images are refused depends on the limit alone, not on the number of threads.
class ImageMemory {
 public:
  // reserved: bytes of the limit that something else takes, such as a net. encoded_per_pixel: bytes that
  // encoding the result takes for each of its pixels.
  ImageMemory(const MemoryLimit& limit, std::uint64_t reserved, std::uint64_t encoded_per_pixel, int threads);

  // The parts of one image in both budgets.
  struct Share {
    MemoryShare encoded;
    MemoryShare decoded;
  };
  // Of the next image; call in the order of the images.
  [[nodiscard]] Share next() { return {encoded_.next(), decoded_.next()}; }

  // The most bytes of an encoded image.
  [[nodiscard]] std::uint64_t most_encoded() const { return encoded_.most(); }
  // Throws as refuse_memory() with the figure and what would allow it, if an image's need is more than one
  // may take: only a limit that the user has set leaves an image out.
  void check_encoded(std::uint64_t bytes, std::string_view place) const;
  void check_decoded(std::uint64_t bytes, int width, int height, std::string_view place) const;
  [[nodiscard]] std::uint64_t encoded_per_pixel() const { return encoded_per_pixel_; }
  // The most bytes that a thread may keep from one image for the next.
  [[nodiscard]] std::uint64_t kept() const { return kept_; }

 private:
  [[noreturn]] void refuse(std::uint64_t bytes, std::uint64_t part, std::string_view place,
                           const std::string& reason) const;

  MemoryLimit limit_;
  std::uint64_t reserved_;
  std::uint64_t encoded_per_pixel_;
  std::uint64_t kept_;
  MemoryBudget encoded_;
  MemoryBudget decoded_;
};

}  // namespace convoy
