// EXIF: the orientation is the same wherever the structure stands, in a JPEG file or alone.
#include "formats/jpeg_exif.h"

#include "formats/jpeg.h"
#include "tests/fuzz/common/pictures.h"

namespace convoy::fuzz {
namespace {

void fuzz(Input input) {
  const int orientation = exif_orientation(input);
  require(orientation >= 1 && orientation <= 8, "no orientation");
  constexpr std::string_view kLead{"Exif\0\0", 6};
  constexpr std::size_t kLongestSegment = 65533;
  if (input.size() + kLead.size() > kLongestSegment) return;
  static const Bytes jpeg = small_jpegs()[1];
  Bytes segment = bytes_of(kLead);
  segment.insert(segment.end(), input.begin(), input.end());
  const Bytes file = with_segment(jpeg, 0xE1, segment);
  JpegDecoder decoder;
  require(decoder.open(file, "x", kSmall).orientation == orientation,
          "the orientation in a JPEG file differs");
}

std::vector<Bytes> seeds() {
  const auto tiff = [](std::string_view text) { return bytes_of(text); };
  return {
      tiff({"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", 26}),
      tiff({"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x01\0\0\0\0\0\0\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0\0\0\0\0",
            38})};
}

const AddReader kReader({.name = "exif", .fuzz = fuzz, .seeds = seeds, .longest = 512});

}  // namespace
}  // namespace convoy::fuzz
