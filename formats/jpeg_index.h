// What a JPEG file says about more data behind its image: further pictures, a video.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace convoy {

// More is an attempt to keep the reader busy.
inline constexpr std::size_t kMaxAnnouncedPictures = 64;

struct JpegIndex {
  // Bytes of each further picture, itself a JPEG file: the other views of a stereo photograph, a gain map.
  std::vector<std::uint64_t> pictures;
  bool video = false;  // a motion photograph: an MP4 file follows
};

// What the segments of a JPEG file before its first scan say. Reads the Multi-Picture Format (CIPA DC-007) in
// APP2, and in the XMP in APP1 Google's container directory (of Ultra HDR photographs) and the marks of
// motion photographs. Any bytes are allowed.
[[nodiscard]] JpegIndex read_jpeg_index(std::span<const std::uint8_t> image);

}  // namespace convoy
