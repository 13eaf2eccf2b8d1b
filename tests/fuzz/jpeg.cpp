// JPEG: a decoder that has decoded other files gives the same as a fresh one, planes are what pixels are made
// of, and a file that is cut is refused or, if it was sound, gives the same pixels.
#include "formats/jpeg.h"

#include "lib/prep/color.h"
#include "tests/fuzz/common/pictures.h"
#include "tests/support/images.h"

namespace convoy::fuzz {
namespace {

struct Decoded {
  Image pixels;
  std::vector<Bytes> planes;  // of each component at each size
  int orientation = 0;
  bool operator==(const Decoded&) const = default;
};

Bytes samples_of(const Plane& plane) {
  Bytes samples;
  for (int y = 0; y < plane.height(); ++y)
    samples.insert(samples.end(), plane.row(y), plane.row(y) + plane.width());
  return samples;
}

Image pixels_of(JpegDecoder& decoder, Input bytes) {
  Image pixels;
  const JpegHeader header = decoder.open(bytes, "x", kSmall);
  decoder.read_pixels(pixels);
  require(pixels.width == header.width && pixels.height == header.height, "the header says another size");
  require(pixels.channels == (header.gray ? 1 : 3), "the header says another number of channels");
  return pixels;
}

std::vector<Bytes> planes_of(JpegDecoder& decoder, Input bytes, int denominator, const Image& pixels) {
  std::vector<Bytes> planes;
  const JpegHeader header = decoder.open(bytes, "x", kSmall);
  if (!header.planar) return planes;
  PlanarImage image;
  decoder.read_planes(denominator, image);
  for (int i = 0; i < (header.gray ? 1 : 3); ++i)
    planes.push_back(samples_of(image.components.at(static_cast<std::size_t>(i)).plane));
  if (header.gray && denominator == 1)
    require(planes[0] == pixels.pixels, "the plane of a gray image differs");
  return planes;
}

Decoded decode(JpegDecoder& decoder, Input bytes) {
  Decoded decoded;
  decoded.pixels = pixels_of(decoder, bytes);
  for (const int denominator : {1, 2, 4, 8}) {
    for (Bytes& plane : planes_of(decoder, bytes, denominator, decoded.pixels)) {
      decoded.planes.push_back(std::move(plane));
    }
  }
  decoded.orientation = decoder.open(bytes, "x", kSmall).orientation;
  return decoded;
}

// Where a file may be cut: anywhere; behind the header of its last scan if a progressive file has several
// scans, or if a component has several in one that is not, as the earlier ones may then be an image without
// the later ones.
std::size_t least_cut(Input jpeg) {
  std::size_t last_scan = 0;
  std::size_t scans = 0;
  bool progressive = false;
  std::array<bool, 256> coded{};  // components, by their IDs
  bool repeated = false;
  for (std::size_t i = 0; i + 5 < jpeg.size(); ++i) {
    if (jpeg[i] != 0xFF) continue;
    const std::uint8_t marker = jpeg[i + 1];
    progressive = progressive || (marker >= 0xC0 && marker <= 0xCF && marker % 4 == 2);
    if (marker != 0xDA) continue;
    last_scan = i;
    ++scans;
    for (std::size_t k = 0; k < jpeg[i + 4] && i + 5 + 2 * k < jpeg.size(); ++k) {
      bool& seen = coded.at(jpeg[i + 5 + 2 * k]);
      repeated = repeated || seen;
      seen = true;
    }
  }
  if (scans < 2 || !(progressive || repeated)) return 0;
  const std::size_t header = last_scan + 2 + jpeg[last_scan + 2] * 256U + jpeg[last_scan + 3];
  return std::min(header, jpeg.size() - 1);
}

void fuzz(Input input) {
  static const std::vector<Bytes> others = small_jpegs();
  JpegDecoder fresh;
  const auto alone = outcome([&] { return decode(fresh, input); });
  JpegDecoder used;
  for (const unsigned n : {0U, 1U}) {
    static_cast<void>(outcome([&] { return decode(used, others[pick(input, n, others.size())]); }));
    require(outcome([&] { return decode(used, input); }) == alone, "a decoder that was used before differs");
  }
  JpegDecoder decoder;
  const auto whole = outcome([&] { return pixels_of(decoder, input); });
  // What libjpeg makes of damaged data depends on how many bytes follow it: its faster reader needs some.
  if (!whole.value || decoder.warnings() > 0) return;
  const std::size_t least = least_cut(input);
  const std::size_t length = least + pick(input, 2, input.size() - least);
  const auto cut = outcome([&] { return decode_jpeg(input.first(length), "x", kSmall); });
  require(!cut.value || *cut.value == *whole.value, "a file that is cut gives other pixels");
}

const AddReader kReader({.name = "jpeg", .fuzz = fuzz, .seeds = small_jpegs, .longest = 4096});

}  // namespace
}  // namespace convoy::fuzz
