// The orientation, the only EXIF tag that changes pixels.
#pragma once

#include <cstdint>
#include <span>

namespace convoy {

// The orientation (tag 0x0112, 1 to 8; TIFF 6.0 and EXIF 2.3) in a TIFF structure, which is the content of a
// PNG's eXIf chunk and follows "Exif\0\0" in a JPEG's APP1 segment. 1 if there is none or the structure is
// broken, so that damaged metadata does not cost the image.
[[nodiscard]] int exif_orientation(std::span<const std::uint8_t> tiff);

}  // namespace convoy
