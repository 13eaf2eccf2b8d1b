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

// "--max-memory=2505M would allow it": with a limit of which `bytes` are the part that one image may take.
std::string allowed_by(std::uint64_t bytes, std::uint64_t part, std::uint64_t reserved) {
  constexpr std::uint64_t kMebibyte = 1 << 20;
  // MemoryBudget leaves an eighth to claims that it does not count.
  const std::uint64_t limit = saturating_add(saturating_mul(bytes / 7 + 1, 8 * part), reserved);
  return "--max-memory=" + std::to_string(limit / kMebibyte + 1) + "M would allow it";
}

}  // namespace

ImageMemory::ImageMemory(const MemoryLimit& limit, std::uint64_t reserved, std::uint64_t encoded_per_pixel,
                         int threads)
    : reserved_(reserved),
      encoded_per_pixel_(encoded_per_pixel),
      kept_(for_images(limit, reserved) / kKeptPart / static_cast<std::uint64_t>(std::max(threads, 1))),
      encoded_(for_images(limit, reserved) / kEncodedPart, items_under_way(threads)),
      decoded_(for_images(limit, reserved) / kDecodedPart, items_under_way(threads)) {}

void ImageMemory::check_encoded(std::uint64_t bytes, std::string_view place) const {
  if (bytes <= encoded_.most()) return;
  throw Error(place,
              format_bytes(bytes) + ", more than the " + format_bytes(encoded_.most()) +
                  " of memory that an encoded image may take: " + allowed_by(bytes, kEncodedPart, reserved_));
}

void ImageMemory::check_decoded(std::uint64_t bytes, int width, int height, std::string_view place) const {
  if (bytes <= decoded_.most()) return;
  throw Error(place, std::to_string(width) + "x" + std::to_string(height) + " pixels need " +
                         format_bytes(bytes) + " of memory, more than the " + format_bytes(decoded_.most()) +
                         " that an image may take: " + allowed_by(bytes, kDecodedPart, reserved_));
}

}  // namespace convoy
