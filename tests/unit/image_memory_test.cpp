// lib/prep/image_memory: what images may take, and whether what a Preparer claims for one is what it takes.
#include "lib/prep/image_memory.h"

#include <gtest/gtest.h>
#include <malloc.h>
#include <png.h>

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "formats/jpeg.h"
#include "lib/base/error.h"
#include "lib/prep/prepare.h"
#include "tests/support/images.h"
#include "tests/support/sanitized.h"

namespace convoy {
namespace {

using test::make_jpeg;
using test::smooth_image;

TEST(ImageMemory, NamesTheLimitThatWouldAllowAnImage) {
  const MemoryLimit limit{.bytes = std::uint64_t{1} << 30, .source = "here"};
  for (const std::uint64_t reserved : {std::uint64_t{0}, std::uint64_t{1} << 28}) {
    const ImageMemory memory(limit, reserved, 0, 4);
    const std::uint64_t need = std::uint64_t{900} << 20;
    std::string text;
    try {
      memory.check_decoded(need, 20000, 10000, "a.png");
    } catch (const Error& error) {
      text = error.what();
    }
    EXPECT_EQ(text.find("a.png: 20000x10000 pixels need 900.0 MiB of memory, more than the "), 0U) << text;
    const auto at = text.find("--max-memory=");
    ASSERT_NE(at, std::string::npos) << text;
    const std::uint64_t larger = std::stoull(text.substr(at + 13)) << 20;
    EXPECT_NO_THROW(ImageMemory({.bytes = larger}, reserved, 0, 4).check_decoded(need, 1, 1, "a.png"));
    EXPECT_THROW(
        ImageMemory({.bytes = larger - (8 << 20)}, reserved, 0, 4).check_decoded(need, 1, 1, "a.png"), Error);
  }
  // Any number of threads refuses the same.
  EXPECT_EQ(ImageMemory(limit, 0, 0, 1).most_encoded(), ImageMemory(limit, 0, 0, 100).most_encoded());
}

// The value of a line of /proc/self/status, in bytes.
std::uint64_t own_status(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;) {
    std::uint64_t kibibytes = 0;
    if (word == name && file >> kibibytes) return kibibytes * 1024;
  }
  return 0;
}

// Begins a new measurement of the largest resident set (VmHWM); false if the system does not allow it.
bool forget_peak() {
  std::ofstream file("/proc/self/clear_refs");
  return static_cast<bool>(file << "5" << std::flush);
}

std::vector<std::uint8_t> make_png(std::uint32_t format, int side) {
  png_image description{};
  description.version = PNG_IMAGE_VERSION;
  description.width = description.height = static_cast<png_uint_32>(side);
  description.format = format;
  const std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(description), 100);
  png_alloc_size_t bytes = 0;
  EXPECT_NE(png_image_write_get_memory_size(description, bytes, 0, pixels.data(), 0, nullptr), 0);
  std::vector<std::uint8_t> png(bytes);
  EXPECT_NE(png_image_write_to_memory(&description, png.data(), &bytes, 0, pixels.data(), 0, nullptr), 0);
  return png;
}

TEST(ImageMemory, ClaimsWhatAnImageTakes) {
  if (test::kSanitized) GTEST_SKIP() << "AddressSanitizer's allocator takes more";
  ASSERT_NE(::mallopt(M_MMAP_THRESHOLD, 1 << 16), 0);  // whatever is freed is gone
  if (!forget_peak()) GTEST_SKIP() << "needs to write to /proc/self/clear_refs";
  constexpr int kSide = 1600;
  const Image color = smooth_image(kSide, kSide, 3);
  const std::vector<std::pair<std::string, std::vector<std::uint8_t>>> files = {
      {"baseline", make_jpeg(color, {})},
      {"baseline 4:4:4", make_jpeg(color, {.h = 1, .v = 1})},
      {"progressive", make_jpeg(color, {.progressive = true})},
      {"progressive gray",
       make_jpeg(smooth_image(kSide, kSide, 1), {.colors = 1, .h = 1, .v = 1, .progressive = true})},
      {"scans for each component", make_jpeg(color, {.separate = true})},
      {"RGB", make_jpeg(color, {.rgb = true, .h = 1, .v = 1})},
      {"CMYK progressive", make_jpeg(color, {.colors = 4, .h = 1, .v = 1, .progressive = true})},
      {"PNG", make_png(PNG_FORMAT_RGB, kSide)},
      {"PNG gray", make_png(PNG_FORMAT_GRAY, kSide)},
      {"PNG with alpha", make_png(PNG_FORMAT_RGBA, kSide)},
      {"PNG gray with alpha", make_png(PNG_FORMAT_GA, kSide)},
      {"PNG of 16 bits with alpha", make_png(PNG_FORMAT_LINEAR_RGB_ALPHA, kSide)}};
  for (const auto& [name, bytes] : files) {
    for (const int size : {0, 64, 700}) {
      Preprocessing how;
      how.size = size;
      Preparer preparer(how);
      ASSERT_TRUE(forget_peak());
      const std::uint64_t before = own_status("VmHWM:");
      const Image image = preparer.prepare(bytes, name);
      const std::uint64_t taken = own_status("VmHWM:") - before;
      // Rows on their way, tables, and filters.
      constexpr std::uint64_t kBeside = std::uint64_t{2} << 20;
      EXPECT_LE(taken, preparer.taken() + kBeside) << name << " size " << size;
      // The claim has room for a result that is turned upright and joined.
      const std::uint64_t side = size == 0 ? kSide : static_cast<std::uint64_t>(size);
      EXPECT_LE(preparer.taken(), taken + kBeside + 9 * side * side + 2 * kSide * kSide)
          << name << " size " << size;
    }
  }
}

}  // namespace
}  // namespace convoy
