#include "lib/prep/image_memory.h"

#include <algorithm>
#include <string>

#include "lib/base/checked.h"
#include "lib/base/console.h"
#include "lib/base/error.h"
#include "lib/base/parallel.h"

namespace convoy {
namespace {

// Parts of the limit. The rest is for what threads keep from one image for the next, and for all else.
constexpr std::uint64_t kEncodedPart = 8;
constexpr std::uint64_t kDecodedPart = 2;
constexpr std::uint64_t kKeptPart = 8;

// What is left for images: at least a little, so that small ones pass beside anything that was allowed.
std::uint64_t for_images(const MemoryLimit& limit, std::uint64_t reserved) {
  constexpr std::uint64_t kLeast = 16;  // part of the limit
  return std::max(limit.bytes / kLeast, limit.bytes - std::min(limit.bytes, reserved));
}

// The limit of which `bytes` are the part that one image may take.
std::uint64_t limit_for(std::uint64_t bytes, std::uint64_t part, std::uint64_t reserved) {
  // MemoryBudget leaves an eighth to claims that it does not count.
  return saturating_add(saturating_mul(bytes / 7 + 1, 8 * part), reserved);
}

}  // namespace

ImageMemory::ImageMemory(const MemoryLimit& limit, std::uint64_t reserved, std::uint64_t encoded_per_pixel,
                         int threads)
    : limit_(limit),
      reserved_(reserved),
      encoded_per_pixel_(encoded_per_pixel),
      kept_(for_images(limit, reserved) / kKeptPart / static_cast<std::uint64_t>(std::max(threads, 1))),
      encoded_(for_images(limit, reserved) / kEncodedPart, items_under_way(threads)),
      decoded_(for_images(limit, reserved) / kDecodedPart, items_under_way(threads)) {}

void ImageMemory::refuse(std::uint64_t bytes, std::uint64_t part, std::string_view place,
                         const std::string& reason) const {
  constexpr std::uint64_t kMebibyte = 1 << 20;
  std::string advice = max_memory_that_allows(limit_for(bytes, part, reserved_));
  if (limit_.of_machine) {
    advice += ", --max-memory=" + std::to_string(std::max<std::uint64_t>(limit_.bytes / kMebibyte, 1)) +
              "M leaves such images out";
  }
  refuse_memory(limit_, place,
                reason + (limit_.of_machine ? " of " + limit_.text() : std::string()) + ": " + advice);
}

void ImageMemory::check_encoded(std::uint64_t bytes, std::string_view place) const {
  if (bytes <= encoded_.most()) return;
  refuse(bytes, kEncodedPart, place,
         format_bytes(bytes) + ", more than the " + format_bytes(encoded_.most()) +
             " of memory that an encoded image may take");
}

void ImageMemory::check_decoded(std::uint64_t bytes, int width, int height, std::string_view place) const {
  if (bytes <= decoded_.most()) return;
  refuse(bytes, kDecodedPart, place,
         std::to_string(width) + "x" + std::to_string(height) + " pixels need " + format_bytes(bytes) +
             " of memory, more than the " + format_bytes(decoded_.most()) + " that an image may take");
}

}  // namespace convoy
