// Images: whether two are the same, and small ones to begin with.
#pragma once

#include "formats/image.h"
#include "tests/fuzz/common/reader.h"

namespace convoy {

inline bool operator==(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.channels == b.channels && a.pixels == b.pixels;
}

}  // namespace convoy

namespace convoy::fuzz {

// Keeps one input cheap.
inline constexpr ImageLimits kSmall{.max_side = 1024, .max_pixels = 1 << 16};

// Small JPEG files of every kind: gray, YCbCr, RGB, CMYK, progressive, arithmetic-coded, with restarts, EXIF,
// without tables.
[[nodiscard]] std::vector<Bytes> small_jpegs();
// Small PNG files: gray and RGB.
[[nodiscard]] std::vector<Bytes> small_pngs();

// The file without its segments with this marker, such as 0xDB (DQT) or 0xC4 (DHT), that stand before the
// first scan.
[[nodiscard]] Bytes without_segments(Input jpeg, std::uint8_t marker);
// The file with a segment of this marker and content behind its first two bytes.
[[nodiscard]] Bytes with_segment(Input jpeg, std::uint8_t marker, Input content);

}  // namespace convoy::fuzz
