// The one thing of EXIF that changes pixels: the orientation.
#pragma once

#include <cstdint>
#include <span>

namespace convoy {

// The orientation (tag 0x0112, 1 to 8; TIFF 6.0 and EXIF 2.3) of a TIFF structure as in a PNG's eXIf chunk or
// behind "Exif\0\0" in a JPEG's APP1 segment. 1 where there is none or the structure is broken: a damaged
// comment does not cost the image.
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace convoy
